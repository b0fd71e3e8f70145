"""Opens the files of a table: Parquet and Feather files directly, CSV files as a copy.

Each format has a module of its own, such as `parquet_file.py`. The functions here serve
all formats, and tables of several files.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pyarrow as pa

from mtl_cli.columns.arrow_types import common_type, plain_type, with_plain_types
from mtl_cli.core.errors import DataError
from mtl_cli.data.arrow_errors import read_errors
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.columnar_file import ColumnarFile
from mtl_cli.data.csv_file import CsvFile
from mtl_cli.data.csv_options import Csv
from mtl_cli.data.feather_file import open_feather
from mtl_cli.data.files import Files
from mtl_cli.data.folder_columns import with_folder_columns
from mtl_cli.data.parquet_file import open_parquet
from mtl_cli.data.struct_columns import with_struct_columns

OpenColumnar = Callable[[pa.NativeFile], AbstractContextManager[ColumnarFile]]
OPEN_COLUMNAR: dict[str, OpenColumnar] = {
    "parquet": open_parquet,
    "feather": open_feather,
}


# {path of a file in messages: its number of rows}
RowsByFile = dict[str, int]
# A function that takes a largest number of rows, and yields all rows of a table in
# tables of at most about this number. All these tables have the same types. If there
# are no rows, one table without rows is yielded.
ReadRows = Callable[[int], Iterator[pa.Table]]


@contextmanager
def open_columnar_file(
    files: Files, file_path: str, types: Mapping[str, pa.DataType]
) -> Iterator[ColumnarFile]:
    """Opens a Parquet or Feather file; errors name the table and the file.

    `types` are the types of columns in the names of folders, see `folder_columns`.
    """
    with (
        read_errors(files.key, files.path_for_messages(file_path)),
        OPEN_COLUMNAR[files.format](files.system.open_input_file(file_path)) as file,
    ):
        yield with_folder_columns(with_struct_columns(file), file_path, types)


def no_rows_error(files: Files) -> DataError:
    header = "" if files.format in OPEN_COLUMNAR else "a header but "
    return DataError(f"{files.key}: {files.name} has {header}no rows")


def open_columnar(
    files: Files, request: ColumnRequest, max_total_rows: int | None = None
) -> tuple[RowsByFile, ReadRows]:
    """Opens Parquet or Feather files, and finds a common type for each column.

    If the files have more than `max_total_rows`, only about this number are read: the
    first rows of each file.
    """
    rows_by_file: RowsByFile = {}
    common_types: dict[str, pa.DataType] = {}
    for file_path in files.paths:
        path = files.path_for_messages(file_path)
        with open_columnar_file(files, file_path, request.types) as file:
            request.check(files.key, path, file.schema.names)
            rows_by_file[path] = file.num_rows
            types = {c: plain_type(file.schema.field(c).type) for c in request.columns}
        for column, dtype in types.items():
            earlier_type = common_types.get(column, dtype)
            common = common_type(earlier_type, dtype)
            if common is None:
                raise DataError(
                    f"{files.key}: column '{column}' has the type {dtype} in {path}, "
                    f"but {earlier_type} in the files before; write each column with "
                    "one type in all files"
                )
            common_types[column] = common

    num_rows = list(rows_by_file.values())
    rows_per_file = even_share(num_rows, max_total_rows or sum(num_rows))

    def first_rows(file: ColumnarFile, max_rows: int) -> Iterator[pa.RecordBatch]:
        num_left = rows_per_file
        for batch in file.batches(request.columns, max_rows):
            yield batch.slice(0, num_left)
            num_left -= batch.num_rows
            if num_left <= 0:
                break

    def chunks(max_rows: int) -> Iterator[pa.Table]:
        schema = pa.schema(common_types)
        for file_path in files.paths:
            with open_columnar_file(files, file_path, request.types) as file:
                for batch in first_rows(file, max_rows):
                    table = pa.Table.from_batches([batch]).select(request.columns)
                    # Plain types have no dictionaries. Each file has its own
                    # dictionaries, so the same index could mean different values in
                    # two files.
                    yield with_plain_types(table).cast(schema)
        if not any(rows_by_file.values()):
            yield schema.empty_table()

    return rows_by_file, chunks


def even_share(sizes: list[int], total: int) -> int:
    """Returns the largest number of which the sum of min(size, number) is <= `total`.

    The number is at least 1. If the sum of all sizes is not above `total`, the number
    is the largest size.

    >>> even_share([100, 5, 100], 45)
    20
    """
    sizes = sorted(sizes)
    for i, size in enumerate(sizes):
        share = total // (len(sizes) - i)
        if size > share:
            return max(1, share)
        total -= size
    return sizes[-1]


def open_text(
    files: Files, options: Csv, request: ColumnRequest, spill: Path
) -> tuple[RowsByFile, ReadRows]:
    """Copies CSV files to `spill`, a Feather file, and opens this file.

    Encoding reads all rows at least twice, and Feather is faster to read than text.
    """
    rows_by_file: RowsByFile = {}
    schema = pa.schema([(name, request.types[name]) for name in request.columns])
    with pa.OSFile(str(spill), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for file_path in files.paths:
            path = files.path_for_messages(file_path)
            rows_by_file[path] = 0
            for batch in CsvFile(files, file_path, options, request).batches():
                rows_by_file[path] += batch.num_rows
                writer.write_batch(batch.select(request.columns))
    spilled = files._replace(
        system=pa.fs.LocalFileSystem(), paths=[str(spill)], format="feather"
    )
    _, read = open_columnar(spilled, request)
    return rows_by_file, read
