"""Reads one CSV file (delimited text) in batches of bounded size.

After a quote that is never closed, Arrow reads all further rows as one cell, and raises
no error. To detect such a quote, this module adds a sentinel row after the last row of
the file. The first requested cell of the sentinel row holds the text `SENTINEL`. If
Arrow returns the sentinel row as its last row, no cell has swallowed rows, and the
sentinel row is dropped. Otherwise, the last row holds the open quote.
"""

import io
from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pyarrow.csv

from mtl_cli.core.errors import DataError, RowError
from mtl_cli.data.arrow_errors import is_row_too_long, read_errors
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_cells import convert_cells
from mtl_cli.data.csv_header import HEADER_BYTES, check_is_text, read_header
from mtl_cli.data.csv_options import Csv
from mtl_cli.data.csv_row_errors import (
    NEVER_CLOSED,
    OPEN_QUOTE,
    SENTINEL,
    cell_error,
    ragged_row,
)
from mtl_cli.data.files import Files
from mtl_cli.data.table_limits import check_rows

BLOCK_BYTES = 16 << 20


class CsvFile:
    """A CSV file whose rows can be read.

    Args:
        files: the table that the file belongs to.
        file_path: the file's path in the table's file system.
        options: the delimiter and other rules by which the file is written.
        request: the columns to read.

    Attributes:
        key: the configuration's key that names the table.
        path: the file's path in messages.
        header: the column names as Arrow reads them.
        names: the column names that the configuration uses: with `csv.trim`, the names
            in the header without spaces at their ends.

    Raises:
        DataError: if the file is not text, or lacks a requested column.
    """

    def __init__(
        self, files: Files, file_path: str, options: Csv, request: ColumnRequest
    ) -> None:
        self.key, self.path = files.key, files.path_for_messages(file_path)
        self.options, self.request = options, request
        self.open_bytes = partial(files.system.open_input_stream, file_path)
        self.file_bytes = files.system.get_file_info(file_path).size
        self.delimiter = options.delimiter or ("\t" if files.format == "tsv" else ",")
        with read_errors(self.key, self.path), self.open_bytes() as stream:
            first_bytes = stream.read(HEADER_BYTES)
        check_is_text(self.key, self.path, first_bytes)
        self.header = options.columns or read_header(
            self.key, self.path, first_bytes, self.delimiter
        )
        self.names = [n.strip() for n in self.header] if options.trim else self.header
        request.check(self.key, self.path, self.names)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Reads the file, and yields the requested columns of its rows.

        Raises:
            DataError: if a row or a cell is broken. The message names the row.
        """
        types = self.request.types
        if self.options.trim:  # see `convert_cells`
            types = dict.fromkeys(types, pa.string())
        with read_errors(self.key, self.path):
            try:
                with self.open_reader(types, threads=True) as reader:
                    for batch in self.before_sentinel(reader):
                        yield self.trimmed(batch) if self.options.trim else batch
            except pa.ArrowInvalid as error:
                raise self.find_row_error() or error from None

    def open_reader(
        self, types: dict[str, pa.DataType], threads: bool
    ) -> pyarrow.csv.CSVStreamingReader:
        """Opens Arrow's reader of the requested columns and of the sentinel row.

        Args:
            types: {column: the type to convert its cells to}.
            threads: whether Arrow may read with several threads.
        """
        header_names = dict(zip(self.names, self.header, strict=True))
        return pyarrow.csv.open_csv(
            self.open_stream(),
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

    def open_stream(self) -> "StreamWithSentinel":
        """Opens the file as bytes, with the sentinel row after the last row."""
        sentinel_column = self.request.columns[0]
        cells = [SENTINEL if name == sentinel_column else "" for name in self.names]
        return StreamWithSentinel(
            self.open_bytes(), cells, self.delimiter, self.file_bytes
        )

    def before_sentinel(
        self, reader: pyarrow.csv.CSVStreamingReader
    ) -> Iterator[pa.RecordBatch]:
        """Yields the rows before the sentinel row.

        Raises:
            DataError: if a quote that is never closed has swallowed the sentinel row.
        """
        num_rows, pending = 0, None  # the last batch is held back until its check
        for batch in reader:
            if batch.num_rows:
                num_rows += batch.num_rows
                if pending is not None:
                    yield pending
                pending = batch
        last_cell = None if pending is None else pending.column(0)[-1].as_py()
        # In a column of numbers, the sentinel is read as a float.
        if pending is None or last_cell not in (SENTINEL, float(SENTINEL)):
            raise RowError(
                f"{self.key}: cannot read {self.path}",
                num_rows - 1,  # the last row that was read holds the open quote
                OPEN_QUOTE,
            )
        yield pending.slice(0, pending.num_rows - 1)

    def trimmed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Trims the cells of text columns, and converts them to the requested types."""
        columns = [
            convert_cells(cells, self.request.types[name], self.options)
            for name, cells in zip(self.request.columns, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, names=self.request.columns)

    def find_row_error(self) -> DataError | None:
        """Reads the file again to find the first broken row.

        Returns: the error about the row, or None if no broken row is found.
        """
        message_start = f"{self.key}: cannot read {self.path}"
        # Any cell can be read as bytes, so this reading gets to the broken cell.
        binary_types = dict.fromkeys(self.request.types, pa.binary())
        try:
            with self.open_reader(binary_types, threads=False) as reader:
                return cell_error(self.path, self.request, self.options, reader)
        except pa.ArrowInvalid as error:
            if is_row_too_long(error):
                return DataError(f"{message_start}: a row is too long; {NEVER_CLOSED}")
        ragged = ragged_row(
            self.open_stream(), len(self.names), self.delimiter, BLOCK_BYTES
        )
        if ragged is None:
            return None
        line, problem = ragged
        # Without `csv.columns`, line 0 is the header, and line 1 is row 0.
        return RowError(
            message_start, line if self.options.columns else line - 1, problem
        )


class StreamWithSentinel:
    """The bytes of a text file, followed by the sentinel row.

    Args:
        stream: the file.
        cells: the cells of the sentinel row.
        delimiter: the character between cells.
        file_bytes: the size of the file as it is stored, perhaps compressed.
    """

    closed = False  # an attribute that Arrow needs

    def __init__(
        self, stream: pa.NativeFile, cells: list[str], delimiter: str, file_bytes: int
    ) -> None:
        # The first "\n" ends the last row if the file does not.
        sentinel_row = f"\n{delimiter.join(cells)}\n".encode()
        self.stream, self.sentinel_row = stream, io.BytesIO(sentinel_row)
        self.file_bytes, self.num_lines = file_bytes, 0

    def read(self, size: int) -> bytes:
        """Returns the next `size` bytes, as Arrow needs; fewer only at the end.

        Raises:
            UnsafeFileError: if the file has too many lines for its size. Lines are
                counted, not rows: Arrow skips empty lines, but they take time.
        """
        block = b""
        while num_missing := size - len(block):
            # The file is at its end when it returns no bytes.
            piece = self.stream.read(num_missing) or self.sentinel_row.read(num_missing)
            if not piece:
                break
            block += piece
        # A line ends in "\n", "\r" or "\r\n".
        self.num_lines += block.count(b"\n")
        self.num_lines += block.count(b"\r") - block.count(b"\r\n")
        check_rows(self.num_lines, self.file_bytes)
        return block

    def close(self) -> None:
        """Closes the file."""
        self.stream.close()
