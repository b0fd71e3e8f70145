"""Reads the preview of a table, its first rows, as `mtl-train` reads the table.

If a table has several Parquet or Feather files, the first rows of each file are read:
the files may be days.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.core.locations import data_path
from mtl_cli.core.yaml_limits import MAX_YAML_LIST
from mtl_cli.data.arrow_errors import read_errors
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_file import CsvFile
from mtl_cli.data.csv_options import Csv, trim_to_null
from mtl_cli.data.files import ANY_FORMAT, Files, find_files, format_by_ending
from mtl_cli.data.folder_columns import types_of_cells
from mtl_cli.data.open_files import (
    OPEN_COLUMNAR,
    no_rows_error,
    open_columnar,
    open_columnar_file,
)
from mtl_cli.init.delimiter import detect_csv_options

MAX_ROWS = 200_000
MAX_BYTES = 2**30  # reading stops earlier if the rows take more memory than this
ROWS_PER_READ = 10_000
# More columns would take minutes and gigabytes to read.
MAX_COLUMNS = MAX_YAML_LIST


@dataclass(frozen=True)
class TablePreview:
    """The first rows of a table.

    Attributes:
        path: the table as the user named it.
        ending_names_format: whether the ending of the table's path names the format. A
            file with another ending is read as a text file.
        csv: the keys `dataset.csv.*` of a text file; None for other formats.
        table: the rows of the columns that have a name. All columns of a text file are
            read as text, without spaces around the cells and names.
        complete: whether `table` holds all rows of the table.
    """

    path: str
    ending_names_format: bool
    csv: Csv | None
    table: pa.Table
    complete: bool


def read_preview(
    key: str,
    path: str,
    columns: list[str] | None = None,
    training_csv: Csv | None = None,
) -> TablePreview:
    """Reads the first rows of a table.

    Args:
        key: the argument of the command line that names the table.
        path: a file, a folder of Parquet files, a pattern, or a URL.
        columns: see `detect_csv_options`.
        training_csv: the delimiter and other rules by which the training table, and so
            a test table, is written.
    """
    # Only for a folder, `auto` finds the format, and the Parquet files.
    files = find_files(key, path, "auto" if data_path(path).is_dir() else ANY_FORMAT)
    format_of_ending = format_by_ending(files.paths[0])
    files = files._replace(format=format_of_ending or "csv")
    csv = None
    with read_errors(key, path):
        if files.format not in OPEN_COLUMNAR:
            csv = training_csv or detect_csv_options(files, columns)
            csv = csv.model_copy(update={"trim": False})
        elif columns is not None:
            raise DataError(f"--columns, --no-header: '{path}' is not a text file")
        all_parts, has_all_rows = parts(files, csv)
        first_parts, took_all_parts = take_first(all_parts)
    if not any(part.num_rows for part in first_parts):
        raise no_rows_error(files)
    # Without `combine_chunks`, a file of small batches would make thousands of chunks,
    # which are slow to read.
    table = pa.concat_tables(first_parts).slice(0, MAX_ROWS).combine_chunks()
    if csv is not None:
        names = [name.strip() for name in table.column_names]
        trimmed = pa.table([trim_to_null(column) for column in table.columns], names)
        csv = csv.model_copy(update={"trim": not trimmed.equals(table)})
        table = trimmed
    complete = has_all_rows and took_all_parts
    return TablePreview(path, format_of_ending is not None, csv, table, complete)


def take_first(all_parts: Iterator[pa.Table]) -> tuple[list[pa.Table], bool]:
    """Takes parts up to a limit of size; also returns whether these are all parts."""
    first_parts = []
    num_rows = num_bytes = 0
    for part in all_parts:
        first_parts.append(part)
        num_rows += part.num_rows
        num_bytes += part.nbytes
        if num_rows > MAX_ROWS or num_bytes > MAX_BYTES:
            return first_parts, False
    return first_parts, True


def parts(files: Files, csv: Csv | None) -> tuple[Iterator[pa.Table], bool]:
    """Returns the rows of all columns with a name, and whether these are all rows.

    The cells of text files are text.
    """
    if csv is None:
        types = types_of_cells(files.paths)
        with open_columnar_file(files, files.paths[0], types) as file:
            header = file.schema.names
    else:
        first = CsvFile(files, files.paths[0], csv, ColumnRequest({}, {}))
        header = [*first.header, *first.folder_cells]
    names = [name for name in header if name.strip()]
    if len(names) > MAX_COLUMNS:
        raise DataError(
            f"{files.key}: '{files.name}' has {len(names):,} columns; mtl-init reads "
            f"at most {MAX_COLUMNS:,}: remove columns, or write the YAML by hand"
        )
    if len({name.strip() for name in names}) < max(1, len(names)):
        raise DataError(
            f"{files.key}: '{files.name}' has no names of columns, or a name twice; "
            "rename the columns; if the first line of a text file holds values, give "
            "the names with --columns a,b,c or take --no-header"
        )
    keys = dict.fromkeys(names, files.key)
    if csv is None:
        request = ColumnRequest(keys, types)
        rows_by_file, read = open_columnar(files, request, max_total_rows=MAX_ROWS)
        return read(ROWS_PER_READ), sum(rows_by_file.values()) <= MAX_ROWS
    request = ColumnRequest(keys, dict.fromkeys(names, pa.string()))
    text_files = (CsvFile(files, path, csv, request) for path in files.paths)
    batches = (batch for file in text_files for batch in file.batches())
    return (pa.table(batch).select(names) for batch in batches), True
