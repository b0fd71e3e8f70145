"""Opens tables, and reads their requested columns in chunks of bounded size."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from mtl_cli.columns.arrow_types import with_plain_types
from mtl_cli.core.errors import DataError, RowError
from mtl_cli.core.locations import Location, path_list
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_file import CsvFile
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.files import find_files, format_by_ending
from mtl_cli.data.open_files import (
    OPEN_COLUMNAR,
    ReadRows,
    no_rows_error,
    open_columnar,
    open_columnar_file,
    open_text,
)

CHUNK_ROWS = 500_000
# Rows with many columns or with long vectors are processed in smaller chunks: features
# need several times the memory of a chunk.
CHUNK_BYTES = 256 << 20
# The last bits of a prediction may depend on the other rows that the network predicts
# in the same call. Chunks differ in size between files, so rows are predicted in blocks
# of this fixed size, a multiple of the rows per call.
ROWS_PER_BLOCK = 1 << 16
# A function to call after each part of a long work, such as each chunk of rows. The
# arguments are the number of rows (or other units) done so far, and the number of all.
OnProgress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class Source:
    """The requested columns of a table, on disk or, if the table is small, in memory.

    Attributes:
        path: the table's path in messages.
        num_rows: the number of rows.
        read: a function that takes a largest number of rows, and yields all rows in
            tables of at most about this number. A table in memory is yielded whole.
            The columns have plain types, see `plain_type`.
        rows_by_file: {path: number of rows} in the order in which the files are read;
            {} for generated rows.
        is_text: whether the table is in text files. Their cells have no types.
    """

    path: str
    num_rows: int
    read: ReadRows
    rows_by_file: dict[str, int] = field(default_factory=dict)
    is_text: bool = False

    def chunks(self) -> Iterator[pa.Table]:
        """Yields all rows in tables of about `CHUNK_ROWS` and `CHUNK_BYTES` at most."""
        for table in self.read(CHUNK_ROWS):
            yield from slices_by_size(table, CHUNK_BYTES)

    def blocks(self) -> Iterator[pa.Table]:
        """Yields the rows in blocks of `ROWS_PER_BLOCK`; the last may have fewer.

        A table without rows is yielded as one block.
        """
        if not self.num_rows:
            return self.read(ROWS_PER_BLOCK)
        # A chunk stays in memory while the next chunk is read, so chunks are small.
        return equal_blocks(self.read(ROWS_PER_BLOCK), ROWS_PER_BLOCK)

    def locate(self, row: int) -> tuple[str, int]:
        """Returns a row's file, and the row's number there. Numbers count from 0."""
        for path, num_rows in self.rows_by_file.items():
            if row < num_rows:
                return path, row
            row -= num_rows
        return self.path, row

    @contextmanager
    def located_errors(self, first_row: int) -> Iterator[None]:
        """Adds the file, and a row's number there, to errors about a chunk.

        `first_row` is the number in the table of the chunk's first row.
        """
        try:
            yield
        except RowError as error:
            path, row = self.locate(error.row + first_row)
            located = RowError(error.message_start, row, error.problem)
            raise DataError(f"{located} [{path}]") from None
        except DataError as error:
            raise DataError(f"{error} [{self.path}]") from None


def slices_by_size(table: pa.Table, num_bytes: int) -> Iterator[pa.Table]:
    """Yields the rows of a table in slices of about `num_bytes` at most.

    A table without rows is yielded as one slice.
    """
    num_slices = max(1, math.ceil(table.nbytes / num_bytes))
    num_rows = max(1, math.ceil(table.num_rows / num_slices))
    for start in range(0, max(1, table.num_rows), num_rows):
        yield table.slice(start, num_rows)


def equal_blocks(tables: Iterable[pa.Table], num_rows: int) -> Iterator[pa.Table]:
    """Yields the rows of all tables in blocks of `num_rows`; the last may have fewer.

    A block may hold rows of two tables.
    """
    left_over: pa.Table | None = None  # the rows after the last full block
    for table in tables:
        rows = table if left_over is None else pa.concat_tables([left_over, table])
        end = rows.num_rows - rows.num_rows % num_rows
        for start in range(0, end, num_rows):
            yield rows.slice(start, num_rows).combine_chunks()
        left_over = rows.slice(end)
    if left_over is not None and left_over.num_rows:
        yield left_over.combine_chunks()


def open_source(
    key: str,
    location: Location,
    dataset: Dataset,
    request: ColumnRequest,
    spill: Path,
    may_be_empty: bool = False,
) -> Source:
    """Opens a table, and reads a small table into memory.

    The rows of text files are copied to the new file `spill`, see `open_text`. A table
    without rows is refused, unless `may_be_empty` is set.
    """
    files = find_files(key, location, dataset.format)
    path = files.name
    is_text = files.format not in OPEN_COLUMNAR
    if is_text:
        rows_by_file, read = open_text(files, dataset.csv, request, spill)
    else:
        rows_by_file, read = open_columnar(files, request)
    num_rows = sum(rows_by_file.values())
    if not num_rows and not may_be_empty:
        raise no_rows_error(files)

    def chunks(max_rows: int) -> Iterator[pa.Table]:
        return unchanged_rows(key, path, num_rows, read(max_rows))

    source = Source(path, num_rows, chunks, rows_by_file, is_text)
    if num_rows > CHUNK_ROWS:
        return source
    in_memory = pa.concat_tables(list(source.chunks())).combine_chunks()
    return replace(source, read=lambda _: iter([in_memory]))


def unchanged_rows(
    key: str, path: str, num_rows: int, tables: Iterator[pa.Table]
) -> Iterator[pa.Table]:
    """Yields the rows of a table's files; refuses files whose number has changed."""
    num_read = 0
    for table in tables:
        num_read += table.num_rows
        if num_read <= num_rows:  # further rows are only counted, for the message
            yield table
    if num_read != num_rows:
        raise DataError(
            f"{key}: {path} had {num_rows:,} rows and then {num_read:,}, because it "
            "changed while it was read; run again when the file is complete"
        )


def with_format_of(dataset: Dataset, location: Location) -> Dataset:
    """Returns the data set with the `format` of another table, by its paths' endings.

    If the endings are not known, the data set is unchanged. If they differ, the format
    is `auto`: `find_files` then refuses files of different formats.
    """
    formats = {format_by_ending(path) for path in path_list(location)}
    file_format = "auto" if len(formats) > 1 else formats.pop()
    return dataset.model_copy(update={"format": file_format or dataset.format})


def schemas_of_table(
    key: str, location: Location, dataset: Dataset
) -> Iterator[pa.Schema]:
    """Yields the names and types of the columns of each of a table's files.

    In a text file, each column is text.
    """
    files = find_files(key, location, dataset.format)
    for path in files.paths:
        if files.format in OPEN_COLUMNAR:
            with open_columnar_file(files, path, {}) as file:
                yield file.schema
        else:
            names = CsvFile(files, path, dataset.csv, ColumnRequest({}, {})).all_names
            yield pa.schema([(name, pa.string()) for name in names])


def generated_source(table: pa.Table, request: ColumnRequest) -> Source:
    request.check("dataset.generator", "its rows", table.column_names)
    requested = with_plain_types(table.select(request.columns))
    return Source(
        "generated",
        table.num_rows,
        lambda max_rows: (
            requested.slice(start, max_rows)
            for start in range(0, table.num_rows, max_rows)
        ),
    )
