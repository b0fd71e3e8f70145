"""Opens tables, and reads their requested columns in chunks of bounded size."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.data.arrow_errors import read_errors
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_file import CsvFile
from mtl_cli.data.csv_options import Csv
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feather_file import open_feather
from mtl_cli.data.file_formats import format_by_ending
from mtl_cli.data.files import Files, find_files
from mtl_cli.data.parquet_file import ColumnarFile, check_rows, open_parquet

CHUNK_ROWS = 500_000


@dataclass(frozen=True)
class Source:
    """The requested columns of a table, on disk or, if the table is small, in memory.

    Attributes:
        path: the table's path in messages.
        rows: the number of rows.
        read: a function that takes a largest number of rows, and yields all rows in
            tables of at most about this number. A table in memory is yielded whole.
        rows_by_file: {path: number of rows} in the order in which the files are read.
    """

    path: str
    rows: int
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


# The attributes `rows_by_file` and `read` of a `Source`.
OpenTable = tuple[dict[str, int], Callable[[int], Iterator[pa.Table]]]


def open_source(
    key: str, path: str, dataset: Dataset, request: ColumnRequest, spill: Path
) -> Source:
    """Opens a table.

    Args:
        key: the configuration's key that names the table.
        path: a file, folder, pattern or URL.
        dataset: the data set, with the keys that say how the files are written.
        request: the columns to read.
        spill: a file to write. If a table of text files has more rows than one chunk,
            its rows are copied to this file.

    Raises:
        DataError: if the table cannot be read, lacks a column or has no rows.
    """
    files = find_files(key, path, dataset.format)
    if files.format in OPEN_COLUMNAR:
        rows_by_file, read = open_columnar(files, request)
    else:
        rows_by_file, read = open_text(files, dataset.csv, request, spill)
    rows = sum(rows_by_file.values())
    if not rows:
        raise DataError(f"{key}: {path} has a header but no rows")

    def chunks(max_rows: int) -> Iterator[pa.Table]:
        rows_left = rows
        with read_errors(key, path):
            for table in read(max_rows):
                # Without this check, Arrow may crash on a damaged file.
                table.validate(full=True)
                rows_left -= table.num_rows
                if rows_left >= 0:
                    # Each file has its own dictionaries, so their indices do not mean
                    # the same.
                    yield without_dictionaries(table)
        if rows_left:  # the file has lost or gained rows since it was opened
            raise DataError(
                f"{key}: {path} had {rows:,} rows and then {rows - rows_left:,}; it "
                "changed while it was read: run again when it is complete"
            )

    if rows > CHUNK_ROWS:
        return Source(path, rows, chunks, rows_by_file)
    table = pa.concat_tables(list(chunks(CHUNK_ROWS))).combine_chunks()
    return Source(path, rows, lambda _: iter([table]), rows_by_file)


def with_format_of(dataset: Dataset, path: str) -> Dataset:
    """Returns a data set with the format of another table.

    The ending of the table's path names the format. If it does not, the table has the
    format of the data set.
    """
    file_format = format_by_ending(path) or dataset.format
    return dataset.model_copy(update={"format": file_format})


def column_names(key: str, path: str, dataset: Dataset) -> list[str]:
    """Returns the names of a table's columns, from its first file.

    Args:
        key: the configuration's key that names the table.
        path: a file, folder, pattern or URL.
        dataset: the data set, with the keys that say how the files are written.

    Raises:
        DataError: if the table cannot be read.
    """
    files = find_files(key, path, dataset.format)
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


OpenColumnar = Callable[[pa.NativeFile], AbstractContextManager[ColumnarFile]]
OPEN_COLUMNAR: dict[str, OpenColumnar] = {
    "parquet": open_parquet,
    "feather": open_feather,
}


@contextmanager
def open_columnar_file(files: Files, file_path: str) -> Iterator[ColumnarFile]:
    """Opens a Parquet or Feather file of a table; errors name the table and the file.

    Args:
        files: the files of the table.
        file_path: the file.
    """
    with (
        read_errors(files.key, files.path_for_messages(file_path)),
        OPEN_COLUMNAR[files.format](files.system.open_input_file(file_path)) as file,
    ):
        yield file


def open_columnar(files: Files, request: ColumnRequest) -> OpenTable:
    """Opens Parquet or Feather files after checking that their columns' types agree."""
    rows_by_file = {}
    # {column: its type in the first file, and the path of this file}
    first_types: dict[str, tuple[pa.DataType, str]] = {}
    for file_path in files.paths:
        path = files.path_for_messages(file_path)
        with open_columnar_file(files, file_path) as file:
            request.check(files.key, path, file.schema.names)
            rows_by_file[path] = file.num_rows
            types = {c: value_type(file.schema.field(c).type) for c in request.columns}
        for column, dtype in types.items():
            first_dtype, first_path = first_types.setdefault(column, (dtype, path))
            if dtype != first_dtype:
                raise DataError(
                    f"{files.key}: the files disagree: column '{column}' is "
                    f"{first_dtype} in {first_path} and {dtype} in {path}; write the "
                    "column with one type in all files"
                )

    def chunks(max_rows: int) -> Iterator[pa.Table]:
        for file_path in files.paths:
            with open_columnar_file(files, file_path) as file:
                for batch in file.batches(request.columns, max_rows):
                    yield pa.Table.from_batches([batch]).select(request.columns)

    return rows_by_file, chunks


def open_text(
    files: Files, options: Csv, request: ColumnRequest, spill: Path
) -> OpenTable:
    """Opens and reads CSV files.

    The rows of a small table are kept in memory. The rows of a large table are copied
    to `spill`, a Feather file: encoding reads all rows at least twice, and Feather is
    faster to read than text.
    """
    rows_by_file: dict[str, int] = {}

    def counted_batches() -> Iterator[pa.RecordBatch]:
        for file_path in files.paths:
            path = files.path_for_messages(file_path)
            rows_by_file[path] = 0
            for batch in CsvFile(files, file_path, options, request).batches():
                rows_by_file[path] += batch.num_rows
                yield batch

    batches = counted_batches()
    # Reads until it is known whether the rows fit into one chunk.
    first_batches: list[pa.RecordBatch] = []
    for batch in batches:
        first_batches.append(batch)
        if sum(rows_by_file.values()) > CHUNK_ROWS:
            break
    if sum(rows_by_file.values()) <= CHUNK_ROWS:
        tables = [pa.Table.from_batches(first_batches)] if first_batches else []
        return rows_by_file, lambda _: iter(tables)
    with (
        pa.OSFile(str(spill), "wb") as sink,
        pa.ipc.new_file(sink, first_batches[0].schema) as writer,
    ):
        while first_batches:
            writer.write_batch(first_batches.pop(0))
        for batch in batches:
            writer.write_batch(batch)
    spilled = files._replace(
        system=pa.fs.LocalFileSystem(), paths=[str(spill)], format="feather"
    )
    _, read = open_columnar(spilled, request)
    return rows_by_file, read


def without_dictionaries(table: pa.Table) -> pa.Table:
    """Replaces the columns that are dictionaries and indices by their values."""
    return table.cast(pa.schema({f.name: value_type(f.type) for f in table.schema}))


def value_type(dtype: pa.DataType) -> pa.DataType:
    """Returns the type of a dictionary's values; another type unchanged."""
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype
