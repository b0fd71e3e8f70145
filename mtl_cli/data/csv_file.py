"""Reads one CSV file (delimited text) in batches of bounded size."""

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
    SENTINEL,
    cell_error,
    ragged_row,
)
from mtl_cli.data.files import Files

BLOCK_BYTES = 16 << 20


class CsvFile:
    """A CSV file whose rows can be read.

    Args:
        files: the table that the file belongs to.
        name: the file's path in the table's file system.
        csv: the delimiter and other rules by which the file is written.
        request: the columns to read.

    Raises:
        DataError: if the file is not text, or lacks a requested column.
    """

    def __init__(
        self, files: Files, name: str, csv: Csv, request: ColumnRequest
    ) -> None:
        self.key, self.path = files.key, files.shown(name)
        self.csv, self.request = csv, request
        self.open_bytes = partial(files.system.open_input_stream, name)
        self.delimiter = csv.delimiter or ("\t" if files.format == "tsv" else ",")
        with read_errors(self.key, self.path), self.open_bytes() as stream:
            start = stream.read(HEADER_BYTES)
        check_is_text(self.key, self.path, start)
        # With `trim`, `names` are the names in the header without spaces around them.
        self.header = csv.columns or read_header(
            self.key, self.path, start, self.delimiter
        )
        self.names = [n.strip() for n in self.header] if csv.trim else self.header
        request.check(self.key, self.path, self.names)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields the requested columns while reading the file.

        Raises:
            DataError: naming the file, and the column or the row that is broken.
        """
        types = self.request.types
        if self.csv.trim:
            types = dict.fromkeys(types, pa.string())
        with read_errors(self.key, self.path):
            try:
                with self.open_reader(types, threads=True) as reader:
                    for batch in self.before_sentinel(reader):
                        yield self.converted(batch) if self.csv.trim else batch
            except pa.ArrowInvalid as error:
                raise self.row_error() or error from None

    def open_reader(
        self, types: dict[str, pa.DataType], threads: bool
    ) -> pyarrow.csv.CSVStreamingReader:
        """Opens a reader of the requested columns, with the sentinel row at the end."""
        header_name = dict(zip(self.names, self.header, strict=True))
        return pyarrow.csv.open_csv(
            self.open_stream(),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=threads,
                block_size=BLOCK_BYTES,
                column_names=self.csv.columns,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=[header_name[name] for name in self.request.columns],
                column_types={header_name[name]: kind for name, kind in types.items()},
                null_values=["", *self.csv.null_values],
                strings_can_be_null=True,
            ),
        )

    def open_stream(self) -> "StreamWithSentinel":
        """Opens the file, with the sentinel row after the last row."""
        first = self.request.columns[0]
        cells = [SENTINEL if name == first else "" for name in self.names]
        sentinel = f"\n{self.delimiter.join(cells)}\n".encode()
        return StreamWithSentinel(self.open_bytes(), sentinel)

    def before_sentinel(
        self, reader: pyarrow.csv.CSVStreamingReader
    ) -> Iterator[pa.RecordBatch]:
        """Yields the rows before the sentinel row.

        Raises:
            DataError: if a quote that is never closed has swallowed the sentinel row.
        """
        rows, last = 0, None
        for batch in reader:
            if batch.num_rows:
                rows += batch.num_rows
                if last is not None:
                    yield last
                last = batch
        cell = None if last is None else last.column(0)[-1].as_py()
        if last is None or cell not in (SENTINEL, float(SENTINEL)):
            raise RowError(
                f"{self.key}: cannot read {self.path}",
                rows - 1,
                "has a quote that is never closed, so that the rows after it are lost; "
                "close it, or double it inside a quoted cell",
            )
        yield last.slice(0, last.num_rows - 1)

    def converted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns columns of text with the requested names and types."""
        columns = [
            convert_cells(cells, self.request.types[name], self.csv)
            for name, cells in zip(self.request.columns, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, names=self.request.columns)

    def row_error(self) -> DataError | None:
        """Returns the error about the first broken row, None if no row is broken."""
        message_start = f"{self.key}: cannot read {self.path}"
        all_bytes = dict.fromkeys(self.request.types, pa.binary())
        try:
            with self.open_reader(all_bytes, threads=False) as reader:
                return cell_error(self.path, self.request, self.csv, reader)
        except pa.ArrowInvalid as error:
            if is_row_too_long(error):
                return DataError(f"{message_start}: a row is too long; {NEVER_CLOSED}")
        ragged = ragged_row(
            self.open_stream(), len(self.names), self.delimiter, BLOCK_BYTES
        )
        if ragged is None:
            return None
        row, problem = ragged
        # Without `columns`, the first row is the header.
        return RowError(message_start, row if self.csv.columns else row - 1, problem)


class StreamWithSentinel:
    """A text file with a sentinel row after the last row.

    Arrow takes all rows after a quote that is never closed for one cell, and raises no
    error. If the reader returns the sentinel row, no such cell has swallowed the rows
    before it.

    Args:
        stream: the file.
        sentinel: the row that is added.
    """

    closed = False

    def __init__(self, stream: pa.NativeFile, sentinel: bytes) -> None:
        self.stream, self.sentinel = stream, io.BytesIO(sentinel)

    def read(self, size: int) -> bytes:
        """Returns the next bytes; fewer than `size` only at the end, as Arrow needs."""
        block = b""
        while missing := size - len(block):
            more = self.stream.read(missing) or self.sentinel.read(missing)
            if not more:
                break
            block += more
        return block

    def close(self) -> None:
        """Closes the file."""
        self.stream.close()
