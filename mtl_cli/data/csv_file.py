"""Reads one CSV file (delimited text) in batches of bounded size.

After a quote that is never closed, Arrow reads all further rows as one cell, and raises
no error. To detect such a quote, this module adds a sentinel row after the last row of
the file. The first requested cell of the sentinel row holds the text `SENTINEL`. If
Arrow returns the sentinel row as its last row, no cell has swallowed rows, and the
sentinel row is dropped. Otherwise, the last row holds the open quote.

Arrow reads with several threads, so its error does not name the row that it refuses.
After an error, the file is therefore read again, by one thread and with all cells as
bytes: `first_cell_error` then finds the first cell that cannot be converted, or Arrow
gives the number of a row that is too long or has too many or too few cells.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pyarrow as pa
import pyarrow.csv

from mtl_cli.core.errors import DataError, RowError
from mtl_cli.data.arrow_errors import RAGGED_ROW, is_row_too_long, read_errors
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_header import read_first_bytes, read_header
from mtl_cli.data.csv_options import Csv, convert_cells
from mtl_cli.data.csv_row_errors import OPEN_QUOTE, first_cell_error, ragged_row_problem
from mtl_cli.data.csv_stream import SENTINEL, StreamWithSentinel, end_streams
from mtl_cli.data.files import Files
from mtl_cli.data.folder_columns import add_cells, missing_cells

BLOCK_BYTES = 16 << 20


class CsvFile:
    """A CSV file of a table. The constructor reads the names of the columns.

    Attributes:
        path: the path of the file in messages.
        file_bytes: the size of the file as it is stored, perhaps compressed.
        header: the column names as Arrow reads them.
        names: the column names that the configuration uses: with `csv.trim`, the names
            in the header without spaces at their ends.
        folder_cells: the cells of the columns that only the names of folders hold.
    """

    def __init__(
        self, files: Files, file_path: str, options: Csv, request: ColumnRequest
    ) -> None:
        self.key = files.key
        self.path = files.path_for_messages(file_path)
        self.options = options
        self.open_file = partial(files.system.open_input_stream, file_path)
        self.file_bytes = files.system.get_file_info(file_path).size
        self.delimiter = options.delimiter or ("\t" if files.format == "tsv" else ",")
        with read_errors(self.key, self.path), self.open_file() as stream:
            first_bytes = read_first_bytes(stream)
            self.header = options.columns or read_header(first_bytes, self.delimiter)
        self.names = [n.strip() for n in self.header] if options.trim else self.header
        self.folder_cells = missing_cells(file_path, self.names)
        request.check(self.key, self.path, self.all_names)
        self.types = request.types
        self.request = request.without_columns(self.folder_cells)
        cells = self.folder_cells
        self.requested_cells = {c: cells[c] for c in cells if c in request.keys}
        if self.requested_cells and not self.request.columns:
            # Without any column of the file, its rows could not be counted.
            first = self.names[0]
            self.request = ColumnRequest({first: self.key}, {first: pa.string()})

    @property
    def all_names(self) -> list[str]:
        """The names of the file's columns, then of the columns of its folders."""
        return [*self.names, *self.folder_cells]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields all rows; refuses the first broken row.

        A batch has the requested columns, and perhaps others.
        """
        with read_errors(self.key, self.path):
            yield from add_cells(self.rows_of_file(), self.requested_cells, self.types)

    def rows_of_file(self) -> Iterator[pa.RecordBatch]:
        num_rows = 0
        try:
            for batch in self.read(as_text=self.options.trim):
                num_rows += batch.num_rows
                yield batch
            return
        except pa.ArrowInvalid:
            self.refuse_broken_row()
        # No row is broken. Perhaps a cell of a column of numbers holds only spaces:
        # `convert_cells` takes this cell for empty, but Arrow refuses it.
        for batch in self.read(as_text=True):
            if num_rows < batch.num_rows:
                yield batch.slice(num_rows)
            num_rows = max(0, num_rows - batch.num_rows)

    def read(self, as_text: bool) -> Iterator[pa.RecordBatch]:
        """Yields all rows. If `as_text`, `convert_cells` converts them, not Arrow."""
        types = self.request.types
        if as_text:
            types = dict.fromkeys(types, pa.string())
        with self.open_reader(types, threads=True) as reader:
            for batch in self.rows_before_sentinel(reader):
                yield self.convert(batch) if as_text else batch

    @contextmanager
    def open_reader(
        self, types: dict[str, pa.DataType], threads: bool
    ) -> Iterator[pyarrow.csv.CSVStreamingReader]:
        """Opens Arrow's reader of the requested columns and of the sentinel row."""
        header_names = dict(zip(self.names, self.header, strict=True))
        sentinel_column = self.request.columns[0]
        cells = [SENTINEL if name == sentinel_column else "" for name in self.names]
        # The line end is for files whose last row has no line end.
        row = f"\n{self.delimiter.join(cells)}\n".encode()
        stream = StreamWithSentinel(
            self.open_file(), row, len(self.names), self.file_bytes
        )
        reader = pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=threads,
                block_size=BLOCK_BYTES,
                column_names=self.options.columns,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=[header_names[name] for name in self.request.columns],
                column_types={header_names[name]: t for name, t in types.items()},
                null_values=["", *self.options.null_values],
                strings_can_be_null=True,
            ),
        )
        with reader:
            try:
                yield reader
            except BaseException:  # an error, or the caller needs no further rows
                end_streams([stream])
                raise

    def rows_before_sentinel(
        self, reader: pyarrow.csv.CSVStreamingReader
    ) -> Iterator[pa.RecordBatch]:
        """Yields the rows before the sentinel row; refuses an open quote."""
        num_rows = 0
        # A batch is held back until the next batch comes, because the last batch ends
        # with the sentinel row.
        last_batch = None
        for batch in filter(len, reader):
            num_rows += batch.num_rows
            if last_batch is not None:
                yield last_batch
            last_batch = batch
        sentinels = SENTINEL, float(SENTINEL)  # as Arrow reads a text or a number
        if last_batch is None or last_batch.column(0)[-1].as_py() not in sentinels:
            # The last row that was read holds the open quote.
            raise self.row_error(num_rows - 1, OPEN_QUOTE)
        yield last_batch.slice(0, last_batch.num_rows - 1)

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Converts the cells of a batch of texts to their types."""
        columns = [
            convert_cells(cells, self.request.types[name], self.options)
            for name, cells in zip(self.request.columns, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, names=self.request.columns)

    def refuse_broken_row(self) -> None:
        """Reads the file again, and raises a `DataError` if it finds a broken row."""
        num_rows = 0
        binary_types = dict.fromkeys(self.request.types, pa.binary())
        try:
            with self.open_reader(binary_types, threads=False) as reader:
                for batch in reader:
                    error = first_cell_error(
                        batch, num_rows, self.request, self.options
                    )
                    if error is not None:
                        raise DataError(f"{error} [{self.path}]") from None
                    num_rows += batch.num_rows
        except pa.ArrowInvalid as error:
            if is_row_too_long(error):
                problem = "is too long; check whether a quote is never closed"
                raise self.row_error(num_rows, problem) from None
            if ragged := RAGGED_ROW.search(str(error)):
                # Arrow counts from 1, and counts the header too.
                row = int(ragged["row"]) - (1 if self.options.columns else 2)
                raise self.row_error(row, ragged_row_problem(ragged)) from None

    def row_error(self, row: int, problem: str) -> RowError:
        return RowError(f"{self.key}: cannot read {self.path}", row, problem)
