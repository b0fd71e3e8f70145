"""Columns whose cells are in the names of folders, such as `day=2026-05-01`.

Spark, Hive and other programs write a table as one folder for each value of a column,
and leave this column out of the files.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from urllib.parse import unquote

import pyarrow as pa

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.data.columnar_file import ColumnarFile
from mtl_cli.data.csv_options import Csv, convert_cells

FolderCells = Mapping[str, str | None]  # {column: cell}; None is an empty cell

EMPTY_CELL = "__HIVE_DEFAULT_PARTITION__"
# With zeros in front, 007 would become 7.
WHOLE_NUMBER = re.compile("0|[1-9][0-9]{0,17}")


def folder_cells(path: str) -> FolderCells:
    """Returns the cells that the folders of a file hold for all rows of the file.

    >>> folder_cells("shop/day=2026-05-01/hour=7/part-0.parquet")
    {'day': '2026-05-01', 'hour': '7'}
    """
    if "://" in path:
        path = path.partition("?")[0]  # the parameters of a URL are no folders
    cells: dict[str, str | None] = {}
    for folder in PurePath(path).parts[:-1]:
        name, equals, value = folder.partition("=")
        if name and equals:
            cells[unquote(name)] = None if value == EMPTY_CELL else unquote(value)
    return cells


def missing_cells(path: str, names_in_file: list[str]) -> FolderCells:
    """Returns the `folder_cells` of the columns that the file itself does not hold."""
    cells = folder_cells(path)
    return {name: cells[name] for name in cells if name not in names_in_file}


def types_of_cells(paths: list[str]) -> dict[str, pa.DataType]:
    """Returns {column: type}: int64 if all cells are whole numbers, otherwise text."""
    texts: dict[str, list[str]] = {}
    for path in paths:
        for name, text in folder_cells(path).items():
            texts.setdefault(name, []).extend([] if text is None else [text])
    return {
        name: pa.int64() if all(map(WHOLE_NUMBER.fullmatch, cells)) else pa.string()
        for name, cells in texts.items()
    }


def with_folder_columns(
    file: ColumnarFile, path: str, types: Mapping[str, pa.DataType]
) -> ColumnarFile:
    """Adds the columns of a file's folders; their cells are converted to `types`."""
    cells = missing_cells(path, file.schema.names)
    schema = file.schema
    for name in cells:
        schema = schema.append(pa.field(name, types.get(name, pa.string())))

    def batches(columns: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
        requested = {name: cell for name, cell in cells.items() if name in columns}
        # A batch of no column would have no rows.
        in_file = [c for c in columns if c not in cells] or file.schema.names[:1]
        yield from add_cells(file.batches(in_file, max_rows), requested, types)

    return ColumnarFile(schema, file.num_rows, batches)


def add_cells(
    batches: Iterator[pa.RecordBatch],
    cells: FolderCells,
    types: Mapping[str, pa.DataType],
) -> Iterator[pa.RecordBatch]:
    """Adds a column to each batch for each of the cells, converted to `types`."""
    values = {
        name: converted(name, cell, types.get(name, pa.string()))
        for name, cell in cells.items()
    }
    for batch in batches:
        for name, value in values.items():
            batch = batch.append_column(name, pa.repeat(value, batch.num_rows))
        yield batch


def converted(name: str, cell: str | None, dtype: pa.DataType) -> pa.Scalar:
    """Converts a cell by the rules of text files."""
    try:
        return convert_cells(pa.array([cell], pa.string()), dtype, Csv())[0]
    except pa.ArrowInvalid:
        raise UnsafeFileError(
            f"is in the folder {name}={cell}, but the configuration reads column "
            f"'{name}' as numbers; rename the folder, or read the column as text"
        ) from None
