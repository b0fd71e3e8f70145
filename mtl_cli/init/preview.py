"""Reads the preview of a table, its first rows, as `mtl-train` reads the table."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.core.locations import data_path
from mtl_cli.core.message_text import shown
from mtl_cli.core.yaml_limits import MAX_YAML_LIST
from mtl_cli.data.arrow_errors import read_errors
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_file import CsvFile
from mtl_cli.data.csv_options import Csv, trim_to_null
from mtl_cli.data.files import ANY_FORMAT, Files, find_files, format_by_ending
from mtl_cli.data.open_files import (
    OPEN_COLUMNAR,
    no_rows_error,
    open_columnar,
    open_columnar_file,
)
from mtl_cli.init.file_format import detect_csv_options, detect_format
from mtl_cli.init.yaml_lines import scalar

MAX_ROWS = 200_000
MAX_BYTES = 2**30  # reading stops earlier if the rows take more memory than this
ROWS_PER_READ = 10_000
# PyYAML cannot read a key of more characters, quotes included.
MAX_NAME_LENGTH = 1024
# A YAML with a longer list of columns cannot be read.
MAX_COLUMNS = MAX_YAML_LIST


@dataclass(frozen=True)
class TablePreview:
    """The first rows of a table.

    Attributes:
        path: the table as the user named it.
        format: `parquet`, `feather`, `csv` or `tsv`.
        ending_names_format: whether the ending of the table's path names the format.
        csv: the keys `dataset.csv.*` of a text file; None for other formats.
        table: the rows of the columns that have a name. All columns of a text file are
            read as text, without spaces around the cells and names.
        complete: whether `table` holds all rows of the table.
        orders: {column: its values in their order}, for ordered categoricals.
    """

    path: str
    format: str
    ending_names_format: bool
    csv: Csv | None
    table: pa.Table
    complete: bool
    orders: dict[str, list[str]]


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
        training_csv: the keys `dataset.csv.*` of the training table, if `path` is a
            test table. The test table must be written in the same way.

    Raises:
        DataError: if the table does not exist, is damaged or has no rows.
    """
    # The format is detected below. Until then, `auto` finds the Parquet files of a
    # folder.
    files = find_files(key, path, "auto" if data_path(path).is_dir() else ANY_FORMAT)
    csv = None
    orders = {}
    with read_errors(key, path):
        files = files._replace(format=detect_format(files))
        if files.format in OPEN_COLUMNAR:
            if columns is not None:
                raise DataError(f"--columns, --no-header: '{path}' is not a text file")
            first_parts, complete = take_first(columnar_parts(files))
            orders = ordered_values(files)
        else:
            csv = training_csv or detect_csv_options(files, columns)
            first_parts, complete = take_first(text_parts(files, csv))
    if not any(part.num_rows for part in first_parts):
        raise no_rows_error(files)
    # Without `combine_chunks`, a file of small batches would make thousands of chunks,
    # which are slow to read.
    table = pa.concat_tables(first_parts).slice(0, MAX_ROWS).combine_chunks()
    if csv is not None:
        csv, table = trim_cells_and_names(csv, table)
    check_lengths_of_names(key, path, table.column_names)
    return TablePreview(
        path=path,
        format=files.format,
        ending_names_format=format_by_ending(files.paths[0]) is not None,
        csv=csv,
        table=table,
        complete=complete,
        orders=orders,
    )


def take_first(parts: Iterator[pa.Table]) -> tuple[list[pa.Table], bool]:
    """Takes the first parts of a table, until they exceed `MAX_ROWS` or `MAX_BYTES`.

    Returns: the parts taken, and whether they hold all rows of the table.
    """
    first_parts = []
    num_rows = num_bytes = 0
    for part in parts:
        first_parts.append(part)
        num_rows += part.num_rows
        num_bytes += part.nbytes
        if num_rows > MAX_ROWS or num_bytes > MAX_BYTES:
            return first_parts, False
    return first_parts, True


def check_number_of_columns(files: Files, names: list[str]) -> None:
    """Refuses a table whose many columns would take minutes and gigabytes to read."""
    if len(names) > MAX_COLUMNS:
        raise DataError(
            f"{files.key}: '{files.name}' has {len(names):,} columns; mtl-init reads "
            f"at most {MAX_COLUMNS:,}: remove columns, or write the YAML by hand"
        )


def check_lengths_of_names(key: str, path: str, names: list[str]) -> None:
    """Refuses a name that is too long for a key of YAML."""
    for name in names:
        # In the YAML, a quote or emoji takes several characters: \" or \U0001F600.
        length = len(scalar(name))
        if length > MAX_NAME_LENGTH:
            raise DataError(
                f"{key}: '{path}' has a column with the name {shown(name)}, which "
                f"takes {length:,} characters in YAML, where a key has at most "
                f"{MAX_NAME_LENGTH:,}; give the column a shorter name"
            )


def columnar_parts(files: Files) -> Iterator[pa.Table]:
    """Yields the rows of Parquet or Feather files, without nameless columns."""
    with open_columnar_file(files, files.paths[0]) as file:
        names = list(filter(None, file.schema.names))
    check_number_of_columns(files, names)
    request = ColumnRequest(dict.fromkeys(names, files.key), {})
    _, read = open_columnar(files, request)
    yield from read(ROWS_PER_READ)


def ordered_values(files: Files) -> dict[str, list[str]]:
    """Returns {column: its values in their order} for ordered categoricals.

    Pandas and R write such columns.
    """
    with open_columnar_file(files, files.paths[0]) as file:
        names = [
            field.name
            for field in file.schema
            if pa.types.is_dictionary(field.type) and field.type.ordered and field.name
        ]
        if not names:
            return {}
        for batch in file.batches(names, 1):
            return {
                name: list(map(str, batch.column(name).dictionary.to_pylist()))
                for name in names
            }
    return {}


def text_parts(files: Files, csv: Csv) -> Iterator[pa.Table]:
    """Yields the rows of a text file, with every cell as text, spaces included."""
    if len(files.paths) > 1:
        raise DataError(
            f"{files.key}: '{files.name}' names {len(files.paths)} text files; name "
            "one file here, and then write the pattern into the YAML as `train`"
        )
    (file_path,) = files.paths
    untrimmed = csv.model_copy(update={"trim": False})
    header = CsvFile(files, file_path, untrimmed, ColumnRequest({}, {})).header
    names = [name for name in header if name.strip()]
    check_number_of_columns(files, names)
    counts = Counter(map(str.strip, names))
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated or not names:
        problem = "has no names of columns"
        if repeated:
            problem = f"has several columns '{repeated[0]}'; rename all but one"
        raise DataError(
            f"{files.key}: '{files.name}' {problem}; if its first line holds values, "
            "give the names with --columns a,b,c or take --no-header"
        )
    keys, types = dict.fromkeys(names, files.key), dict.fromkeys(names, pa.string())
    request = ColumnRequest(keys, types)
    for batch in CsvFile(files, file_path, untrimmed, request).batches():
        yield pa.table(batch)


def trim_cells_and_names(csv: Csv, table: pa.Table) -> tuple[Csv, pa.Table]:
    """Removes the spaces around cells and names.

    Returns: `csv`, with the key `trim` true if there were spaces; and the table without
        these spaces.
    """
    columns = [trim_to_null(column) for column in table.columns]
    trimmed_table = pa.table(columns, [name.strip() for name in table.column_names])
    had_spaces = not trimmed_table.equals(table)
    return csv.model_copy(update={"trim": had_spaces}), trimmed_table
