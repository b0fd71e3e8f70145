"""Reads the first rows of a table: its preview."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset

from mtl_cli.core.errors import DataError, RowError, first_line
from mtl_cli.core.paths import find_data
from mtl_cli.data.arrow_errors import is_not_utf8
from mtl_cli.data.csv_file import BLOCK_BYTES, trim
from mtl_cli.data.csv_row_errors import ragged_row
from mtl_cli.init.file_format import FileFormat, detect_format, first_lines

MAX_ROWS = 200_000


@dataclass(frozen=True)
class TablePreview:
    """The first rows of a table.

    Attributes:
        path: the table as the user named it.
        table: the rows. All columns of text files are text.
        complete: whether the preview holds all rows of the table.
        format: how the table's file is written.
    """

    path: str
    table: pa.Table
    complete: bool
    format: FileFormat


def read_preview(
    path: str, columns: list[str] | None, training: FileFormat | None = None
) -> TablePreview:
    """Reads the first rows of a table.

    Args:
        path: a file, or a folder of Parquet files.
        columns: the names of the columns of a text file without a header, an empty list
            to number the columns, None if the first line holds the names.
        training: the format of the training table, to read a test table with the same
            delimiter.

    Raises:
        DataError: naming the file, and what is wrong with it.
    """
    file = find_data(path)
    if not file.exists():
        raise DataError(f"no file '{path}' (started in {Path.cwd()})")
    try:
        file_format = detect_format(path, file, columns)
        if not file_format.is_text:
            preview = preview_columnar(path, file, file_format)
        else:
            if training is not None and training.is_text:
                file_format = replace(file_format, delimiter=training.delimiter)
            preview = preview_text(path, file, file_format)
    except (pa.ArrowException, csv.Error, OSError, UnicodeDecodeError) as error:
        if is_not_utf8(error):
            raise DataError(
                f"'{path}' is not UTF-8 text; if it is Latin-1: "
                f"iconv -f latin1 -t utf-8 '{path}' > utf8.csv"
            ) from None
        raise DataError(f"cannot read '{path}': {first_line(error)}") from None
    if not preview.table.num_rows:
        raise DataError(f"'{path}' has a header but no rows")
    return preview


def preview_text(path: str, file: Path, file_format: FileFormat) -> TablePreview:
    """Reads the first rows of a delimited text file, every cell as text."""
    delimiter = file_format.delimiter
    first_cells = next(csv.reader(first_lines(file), delimiter=delimiter))
    columns = column_names(path, file_format.columns, first_cells)
    names = columns or first_cells
    batches, rows = [], 0
    try:
        with pa.csv.open_csv(
            open_bytes(file),
            read_options=pa.csv.ReadOptions(column_names=columns),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        ) as reader:
            for batch in reader:
                batches.append(batch)
                rows += batch.num_rows
                if rows > MAX_ROWS:
                    break
    except pa.ArrowInvalid:
        ragged = ragged_row(open_bytes(file), len(names), delimiter, BLOCK_BYTES)
        if ragged is None:
            raise
        number, reason = ragged
        where, row = f"cannot read '{path}'", number if columns else number - 1
        hint = "" if columns else "; does the first line hold all names?"
        raise RowError(where, row, f"{reason}{hint}") from None
    table = pa.Table.from_batches(batches, reader.schema).slice(0, MAX_ROWS)
    trimmed = pa.table(
        [trim(column) for column in table.columns],
        [name.strip() for name in table.column_names],
    )
    spaces = not trimmed.equals(table)
    file_format = replace(file_format, columns=columns, trim=spaces)
    return TablePreview(path, trimmed, rows <= MAX_ROWS, file_format)


def open_bytes(file: Path) -> Any:
    """Opens a text file, compressed or not."""
    return pa.input_stream(str(file), compression="detect")


def column_names(
    path: str, columns: list[str] | None, first_cells: list[str]
) -> list[str] | None:
    """Returns the columns' names, None where the file's first line has them.

    Args:
        path: the file as the user named it.
        columns: see `read_preview`.
        first_cells: the cells of the file's first line.
    """
    if columns and len(columns) != len(first_cells):
        raise DataError(
            f"--columns: gives {len(columns)} names, but the first line of '{path}' is "
            f"cut into {len(first_cells)}: {' | '.join(first_cells)}"
        )
    if len(first_cells) == 1:
        raise DataError(
            f"'{path}' has one column, '{first_cells[0]}'; expected cells separated by "
            "commas, tabs, semicolons or bars"
        )
    if columns == []:
        return [f"column_{i + 1}" for i in range(len(first_cells))]
    return columns


def preview_columnar(path: str, file: Path, file_format: FileFormat) -> TablePreview:
    """Reads the first rows of a Parquet file, of a folder of them, or of Feather."""
    files = [str(f) for f in sorted(file.rglob("*.parquet"))] or [str(file)]
    if file.is_dir() and files == [str(file)]:
        raise DataError(f"the folder '{path}' holds no .parquet files")
    dataset = pa.dataset.dataset(files, format=file_format.name)
    for fragment in dataset.get_fragments():
        schema = fragment.physical_schema
        if not schema.equals(dataset.schema):
            raise DataError(
                f"cannot read '{path}': the files disagree: {files[0]} holds "
                f"{columns_of(dataset.schema)}, {fragment.path} {columns_of(schema)}"
            )
    table = dataset.head(MAX_ROWS)
    complete = dataset.count_rows() == table.num_rows
    return TablePreview(path, table, complete, file_format)


def columns_of(schema: pa.Schema) -> str:
    """Returns the names and the types of a file's columns."""
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
