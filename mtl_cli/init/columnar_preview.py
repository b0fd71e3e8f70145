"""Reads the first rows of Parquet and Feather files."""

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset

from mtl_cli.core.errors import DataError
from mtl_cli.data.arrow_errors import named_column
from mtl_cli.data.open_files import OPEN_COLUMNAR


def read_columnar(
    path: str, named: list[Path], format_name: str, max_rows: int
) -> tuple[pa.Table, int]:
    """Reads the first rows of files, or of a folder of Parquet files.

    Args:
        path: the table as the user named it.
        named: the files, or a folder.
        format_name: `parquet` or `feather`.
        max_rows: the largest number of rows to read.

    Returns: the first rows, and the number of rows in all files.

    Raises:
        DataError: if there are no files, or their columns differ.
        UnsafeFileError: if reading a file would take too much memory.
    """
    files = [str(file) for file in named]
    if named[0].is_dir():
        files = [str(file) for file in sorted(named[0].rglob("*.parquet"))]
    if not files:
        raise DataError(f"the folder '{path}' holds no .parquet files")
    schema = common_schema(path, files, format_name)
    tables: list[pa.Table] = []
    num_rows = 0
    for name in files:
        with pa.OSFile(name) as stream, OPEN_COLUMNAR[format_name](stream) as file:
            rows_left = max_rows - num_rows
            num_rows += file.num_rows
            if rows_left <= 0:
                continue
            for batch in file.batches(schema.names, max_rows):
                table = pa.table(batch).slice(0, rows_left)
                # Without this check, Arrow may crash later on cells of a damaged file.
                for i, column in enumerate(table.column_names):
                    with named_column(column):
                        table.column(i).validate(full=True)
                tables.append(table.cast(schema))
                rows_left -= table.num_rows
                if not rows_left:
                    break
    return pa.concat_tables(tables) if tables else schema.empty_table(), num_rows


def common_schema(path: str, files: list[str], format_name: str) -> pa.Schema:
    """Returns the schema of files, and refuses files whose columns differ.

    Raises:
        DataError: if a file has other columns than the first file.
    """
    dataset = pa.dataset.dataset(files, format=format_name)
    for fragment in dataset.get_fragments():
        if not fragment.physical_schema.equals(dataset.schema):
            first_columns, other_columns = (
                ", ".join(f"{field.name} ({field.type})" for field in schema)
                for schema in (dataset.schema, fragment.physical_schema)
            )
            raise DataError(
                f"cannot read '{path}': the files disagree: {files[0]} holds "
                f"{first_columns}, {fragment.path} {other_columns}"
            )
    return dataset.schema
