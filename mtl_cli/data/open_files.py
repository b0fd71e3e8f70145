"""Opens the files of tables, by their format."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.data.arrow_errors import read_errors
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.columnar_file import ColumnarFile
from mtl_cli.data.csv_file import CsvFile
from mtl_cli.data.csv_options import Csv
from mtl_cli.data.feather_file import open_feather
from mtl_cli.data.files import Files
from mtl_cli.data.parquet_file import open_parquet

# The attributes `rows_by_file` and `read` of the table's `Source`.
OpenTable = tuple[dict[str, int], Callable[[int], Iterator[pa.Table]]]
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
    """Opens Parquet or Feather files, and checks that their columns' types agree."""
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
    files: Files, options: Csv, request: ColumnRequest, spill: Path, max_rows: int
) -> OpenTable:
    """Opens and reads CSV files.

    A table of at most `max_rows` rows is kept in memory. The rows of a larger table are
    copied to `spill`, a Feather file: encoding reads all rows at least twice, and
    Feather is faster to read than text.
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
    # Batches are kept in memory until there are more than `max_rows` rows.
    first_batches: list[pa.RecordBatch] = []
    for batch in batches:
        first_batches.append(batch)
        if sum(rows_by_file.values()) > max_rows:
            break
    if sum(rows_by_file.values()) <= max_rows:
        tables = [pa.Table.from_batches(first_batches)] if first_batches else []
        return rows_by_file, lambda _: iter(tables)
    with (
        pa.OSFile(str(spill), "wb") as sink,
        pa.ipc.new_file(sink, first_batches[0].schema) as writer,
    ):
        while first_batches:  # frees the memory of each batch
            writer.write_batch(first_batches.pop(0))
        for batch in batches:
            writer.write_batch(batch)
    spilled = files._replace(
        system=pa.fs.LocalFileSystem(), paths=[str(spill)], format="feather"
    )
    _, read = open_columnar(spilled, request)
    return rows_by_file, read


def without_dictionaries(table: pa.Table) -> pa.Table:
    """Replaces each column that is encoded with a dictionary by its values."""
    return table.cast(pa.schema({f.name: value_type(f.type) for f in table.schema}))


def value_type(dtype: pa.DataType) -> pa.DataType:
    """Returns the type of a dictionary's values; another type unchanged."""
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype
