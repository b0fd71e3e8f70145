"""Reads the columns that a data set's YAML names, in chunks of bounded size."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from mtl_cli.core.errors import DataError
from mtl_cli.data.arrow_errors import read_errors
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_file import CsvFile
from mtl_cli.data.dataset import Csv, Dataset
from mtl_cli.data.files import Files, find_files

CHUNK_ROWS = 500_000


@dataclass(frozen=True)
class Source:
    """The requested columns of a table, on disk or, if the table is small, in memory.

    Attributes:
        path: the table's path in messages.
        rows: the number of rows.
        chunks: yields tables of about `CHUNK_ROWS` rows or fewer.
        rows_by_file: {path: rows} in the order in which the files are read.
    """

    path: str
    rows: int
    chunks: Callable[[], Iterator[pa.Table]]
    rows_by_file: dict[str, int] = field(default_factory=dict)

    def locate(self, row: int) -> tuple[str, int]:
        """Returns the file that holds a row, and the row's number in that file."""
        for path, rows in self.rows_by_file.items():
            if row < rows:
                return path, row
            row -= rows
        return self.path, row


# {path: rows} of a table's files, and a function that yields all rows.
OpenTable = tuple[dict[str, int], Callable[[], Iterator[pa.Table]]]


def open_source(
    key: str, path: str, dataset: Dataset, request: ColumnRequest, spill: Path
) -> Source:
    """Opens a table.

    Args:
        key: the configuration's key that names the table.
        path: a file, folder, pattern or URL.
        dataset: tells how the files are written.
        request: the columns that are read.
        spill: the file to which a text table's rows go if they fill several chunks.

    Raises:
        DataError: naming the file, and what is wrong with it.
    """
    files = find_files(key, path, dataset.format)
    if files.format in COLUMNAR:
        rows_by_file, read = open_columnar(key, path, files, request)
    else:
        rows_by_file, read = open_text(key, path, files, dataset.csv, request, spill)
    rows = sum(rows_by_file.values())
    if not rows:
        raise DataError(f"{key}: {path} has a header but no rows")

    def chunks() -> Iterator[pa.Table]:
        return checked(key, path, rows, read())

    if rows > CHUNK_ROWS:
        return Source(path, rows, chunks, rows_by_file)
    table = pa.concat_tables(list(chunks())).combine_chunks()
    return Source(path, rows, lambda: iter([table]), rows_by_file)


def checked(
    key: str, path: str, rows: int, chunks: Iterator[pa.Table]
) -> Iterator[pa.Table]:
    """Yields chunks after checking their values' types and their number of rows."""
    rows_left = rows
    with read_errors(key, path):
        for table in chunks:
            table.validate(full=True)  # Arrow trusts a damaged file, and may crash
            rows_left -= table.num_rows
            if rows_left >= 0:
                # Without dictionaries equal values compare equal across files.
                types = {f.name: value_type(f.type) for f in table.schema}
                yield table.cast(pa.schema(types))
    if rows_left:
        raise DataError(
            f"{key}: {path} had {rows:,} rows and then {rows - rows_left:,}; it "
            "changed while it was read: run again when it is complete"
        )


def generated_source(table: pa.Table, request: ColumnRequest) -> Source:
    """Returns the source of a table that a generator has made."""
    request.check("dataset.generator", "its rows", table.column_names)
    chosen = table.select(request.columns)
    starts = range(0, table.num_rows, CHUNK_ROWS)
    return Source(
        "generated",
        table.num_rows,
        lambda: (chosen.slice(start, CHUNK_ROWS) for start in starts),
    )


class ColumnarFile(NamedTuple):
    """An open file that stores its rows column by column."""

    schema: pa.Schema
    rows: int
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]


@contextmanager
def open_parquet(stream: Any) -> Iterator[ColumnarFile]:
    """Opens a Parquet file. Its pages are checked if the file has checksums of them."""
    # With pre_buffer, Arrow would keep all that it has read until the file is closed.
    with pyarrow.parquet.ParquetFile(
        stream, page_checksum_verification=True, pre_buffer=False
    ) as file:

        def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
            yield from file.iter_batches(CHUNK_ROWS, columns=columns)

        yield ColumnarFile(file.schema_arrow, file.metadata.num_rows, batches)


@contextmanager
def open_feather(stream: Any) -> Iterator[ColumnarFile]:
    """Opens a Feather (Arrow) file."""
    with pa.ipc.open_file(stream) as file:
        numbers = range(file.num_record_batches)

        def batches(_columns: list[str]) -> Iterator[pa.RecordBatch]:
            for batch in map(file.get_batch, numbers):
                for start in range(0, batch.num_rows, CHUNK_ROWS):
                    yield batch.slice(start, CHUNK_ROWS)

        rows = sum(file.get_batch(i).num_rows for i in numbers)
        yield ColumnarFile(file.schema, rows, batches)


COLUMNAR = {"parquet": open_parquet, "feather": open_feather}


def open_columnar(
    key: str, path: str, files: Files, request: ColumnRequest
) -> OpenTable:
    """Opens Parquet or Feather files, which must agree on the requested columns."""

    @contextmanager
    def opened(name: str) -> Iterator[ColumnarFile]:
        with read_errors(key, shown_path(path, files, name)):
            stream = files.system.open_input_file(name)
            with COLUMNAR[files.format](stream) as file:
                yield file

    rows_by_file = {}
    first_types: dict[str, tuple[pa.DataType, str]] = {}
    for name in files.paths:
        shown = shown_path(path, files, name)
        with opened(name) as file:
            request.check(key, shown, file.schema.names)
            check_types(key, shown, file.schema, request, first_types)
            rows_by_file[shown] = file.rows

    def chunks() -> Iterator[pa.Table]:
        for name in files.paths:
            with opened(name) as file:
                for batch in file.batches(request.columns):
                    yield pa.Table.from_batches([batch]).select(request.columns)

    return rows_by_file, chunks


def shown_path(path: str, files: Files, name: str) -> str:
    """Returns a file's path in messages: the configured path if it is the only file."""
    return path if len(files.paths) == 1 else name


def check_types(
    key: str,
    path: str,
    schema: pa.Schema,
    request: ColumnRequest,
    first_types: dict[str, tuple[pa.DataType, str]],
) -> None:
    """Refuses a file whose columns have other types than those of the first file.

    Args:
        key: the configuration's key that names the table.
        path: the file's path in messages.
        schema: the types of the file's columns.
        request: the columns that are read.
        first_types: {column: (type, path of the first file)}; filled by the first file.
    """
    for column in request.columns:
        kind = value_type(schema.field(column).type)
        first_kind, first_path = first_types.setdefault(column, (kind, path))
        if kind != first_kind:
            raise DataError(
                f"{key}: the files disagree: column '{column}' is {first_kind} in "
                f"{first_path} and {kind} in {path}; write both alike"
            )


def open_text(
    key: str, path: str, files: Files, csv: Csv, request: ColumnRequest, spill: Path
) -> OpenTable:
    """Reads CSV files. The rows of long files go to a file that reads fast again."""
    rows_by_file: dict[str, int] = {}

    def counted_batches() -> Iterator[pa.RecordBatch]:
        for name in files.paths:
            shown = shown_path(path, files, name)
            rows_by_file[shown] = 0
            for batch in CsvFile(key, shown, files, name, csv, request).batches():
                rows_by_file[shown] += batch.num_rows
                yield batch

    batches = counted_batches()
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(rows_by_file.values()) > CHUNK_ROWS:
            break
    else:
        return rows_by_file, lambda: iter([pa.Table.from_batches(held)] if held else [])
    with (
        pa.OSFile(str(spill), "wb") as sink,
        pa.ipc.new_file(sink, held[0].schema) as writer,
    ):
        while held:
            writer.write_batch(held.pop(0))
        for batch in batches:
            writer.write_batch(batch)
    spilled = Files(pa.fs.LocalFileSystem(), [str(spill)], "feather")
    return rows_by_file, open_columnar(key, path, spilled, request)[1]


def value_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type of a column's values, in a dictionary or not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
