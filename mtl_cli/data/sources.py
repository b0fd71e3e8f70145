"""Opens tables, and reads their requested columns in chunks of bounded size."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from mtl_cli.core.errors import DataError, RowError
from mtl_cli.core.paths import Location, listed_paths
from mtl_cli.data.arrow_errors import read_errors
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_file import CsvFile
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.file_formats import format_by_ending
from mtl_cli.data.files import find_files
from mtl_cli.data.open_files import (
    OPEN_COLUMNAR,
    open_columnar,
    open_columnar_file,
    open_text,
    without_dictionaries,
)

CHUNK_ROWS = 500_000


@dataclass(frozen=True)
class Source:
    """The requested columns of a table, on disk or, if the table is small, in memory.

    Attributes:
        path: the table's path in messages.
        num_rows: the number of rows.
        read: a function that takes a largest number of rows, and yields all rows in
            tables of at most about this number. A table in memory is yielded whole.
        rows_by_file: {path: number of rows} in the order in which the files are read;
            {} for generated rows.
    """

    path: str
    num_rows: int
    read: Callable[[int], Iterator[pa.Table]]
    rows_by_file: dict[str, int] = field(default_factory=dict)

    def chunks(self) -> Iterator[pa.Table]:
        """Yields the rows as tables of at most about `CHUNK_ROWS` rows."""
        return self.read(CHUNK_ROWS)

    def locate(self, row: int) -> tuple[str, int]:
        """Returns the file that holds a row, and the row's number in that file.

        Args:
            row: the row's number in the table, from 0.
        """
        for path, num_rows in self.rows_by_file.items():
            if row < num_rows:
                return path, row
            row -= num_rows
        return self.path, row

    @contextmanager
    def located_errors(self, first_row: int) -> Iterator[None]:
        """Adds the file, and a row's number in it, to errors about a chunk.

        Args:
            first_row: the number of the chunk's first row in the table.
        """
        try:
            yield
        except RowError as error:
            path, row = self.locate(error.row + first_row)
            located = RowError(error.message_start, row, error.problem)
            raise DataError(f"{located} [{path}]") from None
        except DataError as error:
            raise DataError(f"{error} [{self.path}]") from None


def open_source(
    key: str, location: Location, dataset: Dataset, request: ColumnRequest, spill: Path
) -> Source:
    """Opens a table.

    Args:
        key: the configuration's key that names the table.
        location: the table's files.
        dataset: the data set, with the keys that say how the files are written.
        request: the columns to read.
        spill: a file to write. If a table of text files has more rows than one chunk,
            its rows are copied to this file.

    Raises:
        DataError: if the table cannot be read, lacks a column or has no rows.
    """
    files = find_files(key, location, dataset.format)
    path = files.name
    if files.format in OPEN_COLUMNAR:
        rows_by_file, read = open_columnar(files, request)
    else:
        rows_by_file, read = open_text(files, dataset.csv, request, spill, CHUNK_ROWS)
    num_rows = sum(rows_by_file.values())
    if not num_rows:
        raise DataError(f"{key}: {path} has a header but no rows")

    def chunks(max_rows: int) -> Iterator[pa.Table]:
        rows_left = num_rows
        with read_errors(key, path):
            for table in read(max_rows):
                # Without this check, Arrow may crash on a damaged file.
                table.validate(full=True)
                rows_left -= table.num_rows
                if rows_left >= 0:
                    # Each file has its own dictionaries: the same index can stand for
                    # different values in two files.
                    yield without_dictionaries(table)
        if rows_left:  # the file has lost or gained rows since it was opened
            raise DataError(
                f"{key}: {path} had {num_rows:,} rows and then "
                f"{num_rows - rows_left:,}; it changed while it was read: run again "
                "when it is complete"
            )

    if num_rows > CHUNK_ROWS:
        return Source(path, num_rows, chunks, rows_by_file)
    table = pa.concat_tables(list(chunks(CHUNK_ROWS))).combine_chunks()
    return Source(path, num_rows, lambda _: iter([table]), rows_by_file)


def with_format_of(dataset: Dataset, location: Location) -> Dataset:
    """Returns a data set with the format of another table.

    The ending of the table's first path tells the format. If the ending is not known,
    the data set is unchanged.
    """
    file_format = format_by_ending(listed_paths(location)[0]) or dataset.format
    return dataset.model_copy(update={"format": file_format})


def column_names(key: str, location: Location, dataset: Dataset) -> list[str]:
    """Returns the names of a table's columns, from its first file.

    Args:
        key: the configuration's key that names the table.
        location: the table's files.
        dataset: the data set, with the keys that say how the files are written.

    Raises:
        DataError: if the table cannot be read.
    """
    files = find_files(key, location, dataset.format)
    first_path = files.paths[0]
    if files.format not in OPEN_COLUMNAR:
        return CsvFile(files, first_path, dataset.csv, ColumnRequest({}, {})).names
    with open_columnar_file(files, first_path) as file:
        return [str(name) for name in file.schema.names]


def generated_source(table: pa.Table, request: ColumnRequest) -> Source:
    """Returns the requested columns of a table that a generator has made."""
    request.check("dataset.generator", "its rows", table.column_names)
    requested = table.select(request.columns)
    return Source(
        "generated",
        table.num_rows,
        lambda max_rows: (
            requested.slice(start, max_rows)
            for start in range(0, table.num_rows, max_rows)
        ),
    )
