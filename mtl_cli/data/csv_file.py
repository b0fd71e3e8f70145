"""Reads one CSV file (delimited text) in batches of bounded size."""

import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mtl_cli.core.errors import DataError, RowError
from mtl_cli.data.arrow_errors import is_row_too_long, read_errors
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_header import HEADER_BYTES, check_is_text, read_header
from mtl_cli.data.csv_row_errors import (
    NEVER_CLOSED,
    SENTINEL,
    cell_error,
    ragged_row,
)
from mtl_cli.data.dataset import Csv
from mtl_cli.data.files import Files

BLOCK_BYTES = 16 << 20
# Arrow knows missing cells by their exact text only: "", " ", "  ", ...
SPACES_OF_EMPTY_CELLS = 64


class StreamWithSentinel:
    """A text file with a sentinel row added behind the last row.

    Arrow takes all rows behind a quote that is never closed for one cell, and raises
    no error. If the sentinel row comes out of the reader, all rows before it have too.

    Args:
        stream: the file.
        sentinel: the row that is added.
    """

    closed = False

    def __init__(self, stream: Any, sentinel: bytes) -> None:
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


class CsvFile:
    """A CSV file whose rows can be read.

    Args:
        files: the table that the file belongs to.
        name: the file's path in the table's file system.
        csv: how the file is written.
        request: the columns that are read.

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
        with read_errors(self.key, self.path):
            try:
                with self.open_reader(self.request.types, threads=True) as reader:
                    for batch in self.before_sentinel(reader):
                        yield self.trimmed(batch) if self.csv.trim else batch
            except pa.ArrowInvalid as error:
                raise self.row_error() or error from None

    def open_stream(self) -> StreamWithSentinel:
        """Opens the file, with a sentinel row behind the last row."""
        first = self.request.columns[0]
        cells = [SENTINEL if name == first else "" for name in self.names]
        sentinel = f"\n{self.delimiter.join(cells)}\n".encode()
        return StreamWithSentinel(self.open_bytes(), sentinel)

    def open_reader(self, types: dict[str, pa.DataType], threads: bool) -> Any:
        """Opens a reader of the requested columns and the sentinel row."""
        # With trim, the header may spell a name with spaces around it.
        spelling = dict(zip(self.names, self.header, strict=True))
        # A cell of nothing but spaces is missing too, where spaces are cut.
        spaces = [" " * n for n in range(SPACES_OF_EMPTY_CELLS if self.csv.trim else 1)]
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
                include_columns=[spelling[name] for name in self.request.columns],
                column_types={spelling[name]: kind for name, kind in types.items()},
                null_values=[*spaces, *self.csv.null_values],
                strings_can_be_null=True,
            ),
        )

    def before_sentinel(
        self, reader: Iterator[pa.RecordBatch]
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

    def trimmed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Cuts spaces at the ends of text cells, and of the columns' names."""
        cells = [
            trim(column) if pa.types.is_string(column.type) else column
            for column in batch.columns
        ]
        return pa.RecordBatch.from_arrays(cells, names=self.request.columns)

    def row_error(self) -> DataError | None:
        """Returns the error about the first broken row, None if no row is broken."""
        where = f"{self.key}: cannot read {self.path}"
        all_bytes = dict.fromkeys(self.request.types, pa.binary())
        try:
            with self.open_reader(all_bytes, threads=False) as reader:
                return cell_error(self.path, self.request, reader)
        except pa.ArrowInvalid as error:
            if is_row_too_long(error):
                return DataError(f"{where}: a row is too long; {NEVER_CLOSED}")
        ragged = ragged_row(
            self.open_stream(), len(self.names), self.delimiter, BLOCK_BYTES
        )
        if ragged is None:
            return None
        number, reason = ragged
        return RowError(where, number if self.csv.columns else number - 1, reason)


def trim(column: Any) -> Any:
    """Cuts spaces at the ends of text cells; a cell of only spaces becomes missing."""
    text = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
