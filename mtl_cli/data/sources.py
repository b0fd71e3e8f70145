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
from mtl_cli.data.files import Files, find_files
from mtl_cli.data.parquet_file import ColumnarFile, check_rows, open_parquet

CHUNK_ROWS = 500_000


@dataclass(frozen=True)
class Source:
    """The requested columns of a table, on disk or, if the table is small, in memory.

    Attributes:
        path: the table's path in messages.
        rows: the number of rows.
        read: yields the rows as tables of at most about the given number of rows. A
            table in memory has one chunk.
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
        for path, rows in self.rows_by_file.items():
            if row < rows:
                return path, row
            row -= rows
        return self.path, row


# {path: number of rows} of a table's files, and a function that yields all rows in
# tables of at most about the given number of rows.
OpenTable = tuple[dict[str, int], Callable[[int], Iterator[pa.Table]]]


def open_source(
    key: str, path: str, dataset: Dataset, request: ColumnRequest, spill: Path
) -> Source:
    """Opens a table.

    Args:
        key: the configuration's key that names the table.
        path: a file, folder, pattern or URL.
        dataset: the data set. Its keys say how the files are written.
        request: the columns to read.
        spill: the file to write a text table's rows to if they fill several chunks.

    Raises:
        DataError: if the table cannot be read, lacks a column or has no rows.
    """
    files = find_files(key, path, dataset.format)
    if files.format in COLUMNAR:
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
                    # The dictionaries of files differ; their values can be compared.
                    types = {f.name: value_type(f.type) for f in table.schema}
                    yield table.cast(pa.schema(types))
        if rows_left:
            raise DataError(
                f"{key}: {path} had {rows:,} rows and then {rows - rows_left:,}; it "
                "changed while it was read: run again when it is complete"
            )

    if rows > CHUNK_ROWS:
        return Source(path, rows, chunks, rows_by_file)
    table = pa.concat_tables(list(chunks(CHUNK_ROWS))).combine_chunks()
    return Source(path, rows, lambda _: iter([table]), rows_by_file)


def column_names(key: str, path: str, dataset: Dataset) -> list[str]:
    """Returns the names of a table's columns, from its first file.

    Args:
        key: the configuration's key that names the table.
        path: a file, folder, pattern or URL.
        dataset: the data set. Its keys say how the files are written.

    Raises:
        DataError: if the table cannot be read.
    """
    files = find_files(key, path, dataset.format)
    first = files.names[0]
    if files.format not in COLUMNAR:
        return CsvFile(files, first, dataset.csv, ColumnRequest({}, {})).names
    with (
        read_errors(key, files.shown(first)),
        COLUMNAR[files.format](files.system.open_input_file(first)) as file,
    ):
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
COLUMNAR: dict[str, OpenColumnar] = {"parquet": open_parquet, "feather": open_feather}


def open_columnar(files: Files, request: ColumnRequest) -> OpenTable:
    """Opens Parquet or Feather files after checking that their columns' types agree."""

    @contextmanager
    def opened(name: str) -> Iterator[ColumnarFile]:
        with (
            read_errors(files.key, files.shown(name)),
            COLUMNAR[files.format](files.system.open_input_file(name)) as file,
        ):
            yield file

    rows_by_file = {}
    first_types: dict[str, tuple[pa.DataType, str]] = {}
    for name in files.names:
        path = files.shown(name)
        with opened(name) as file:
            request.check(files.key, path, file.schema.names)
            rows_by_file[path] = file.rows
            types = {c: value_type(file.schema.field(c).type) for c in request.columns}
        for column, kind in types.items():
            first_kind, first_path = first_types.setdefault(column, (kind, path))
            if kind != first_kind:
                raise DataError(
                    f"{files.key}: the files disagree: column '{column}' is "
                    f"{first_kind} in {first_path} and {kind} in {path}; write the "
                    "column with one type in all files"
                )

    def chunks(max_rows: int) -> Iterator[pa.Table]:
        for name in files.names:
            with opened(name) as file:
                for batch in file.batches(request.columns, max_rows):
                    yield pa.Table.from_batches([batch]).select(request.columns)

    return rows_by_file, chunks


def open_text(files: Files, csv: Csv, request: ColumnRequest, spill: Path) -> OpenTable:
    """Opens CSV files: their rows stay in memory, or go to the file `spill` if many.

    Every row is read twice in any case, and the second reading from `spill`, a Feather
    file, is faster than from text.
    """
    rows_by_file: dict[str, int] = {}

    def counted_batches() -> Iterator[pa.RecordBatch]:
        for name in files.names:
            path = files.shown(name)
            rows_by_file[path] = 0
            size = files.system.get_file_info(name).size
            for batch in CsvFile(files, name, csv, request).batches():
                rows_by_file[path] += batch.num_rows
                with read_errors(files.key, path):
                    check_rows(rows_by_file[path], size)
                yield batch

    batches = counted_batches()
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
        system=pa.fs.LocalFileSystem(), names=[str(spill)], format="feather"
    )
    return rows_by_file, open_columnar(spilled, request)[1]


def value_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type of a column's values: of a dictionary, its values' type."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
