"""Reads the first rows of a table: its preview."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.paths import find_data
from mtl_cli.data.arrow_errors import is_not_utf8
from mtl_cli.data.csv_file import trim
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
        reason = first_line(error)
        hint = "; does the first line hold all names?" if "Expected" in reason else ""
        raise DataError(f"cannot read '{path}': {reason}{hint}") from None
    if not preview.table.num_rows:
        raise DataError(f"'{path}' has a header but no rows")
    return preview


def preview_text(path: str, file: Path, file_format: FileFormat) -> TablePreview:
    """Reads the first rows of a delimited text file, every cell as text."""
    if file_format.columns is None:
        with open_text(file, file_format.delimiter, None) as reader:
            first_cells = reader.schema.names
    else:
        lines = csv.reader(first_lines(file), delimiter=file_format.delimiter)
        first_cells = next(lines)
    names = column_names(path, file_format.columns, first_cells)
    types = dict.fromkeys(names or first_cells, pa.string())
    batches, rows = [], 0
    with open_text(file, file_format.delimiter, names, types) as reader:
        for batch in reader:
            batches.append(batch)
            rows += batch.num_rows
            if rows > MAX_ROWS:
                break
    table = pa.Table.from_batches(batches, reader.schema).slice(0, MAX_ROWS)
    trimmed = pa.table(
        [trim(column) for column in table.columns],
        [name.strip() for name in table.column_names],
    )
    spaces = not trimmed.equals(table)
    file_format = replace(file_format, columns=names, trim=spaces)
    return TablePreview(path, trimmed, rows <= MAX_ROWS, file_format)


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


def open_text(
    file: Path,
    delimiter: str,
    names: list[str] | None,
    types: dict[str, pa.DataType] | None = None,
) -> Any:
    """Opens a delimited text file, compressed or not."""
    return pa.csv.open_csv(
        pa.input_stream(str(file), compression="detect"),
        read_options=pa.csv.ReadOptions(column_names=names),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter),
        convert_options=pa.csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True
        ),
    )


def preview_columnar(path: str, file: Path, file_format: FileFormat) -> TablePreview:
    """Reads the first rows of a Parquet file, of a folder of them, or of Feather."""
    if file_format.name == "feather":
        with pa.memory_map(str(file)) as stream:
            table = pa.ipc.open_file(stream).read_all()
        complete = table.num_rows <= MAX_ROWS
        return TablePreview(path, table.slice(0, MAX_ROWS), complete, file_format)
    files = sorted(file.rglob("*.parquet")) if file.is_dir() else [file]
    if not files:
        raise DataError(f"the folder '{path}' holds no .parquet files")
    tables, rows, all_rows = [], 0, 0
    for part in files:
        with pa.parquet.ParquetFile(part) as parquet_file:
            all_rows += parquet_file.metadata.num_rows
            if rows < MAX_ROWS:
                tables.append(first_rows(parquet_file, MAX_ROWS - rows))
                rows += tables[-1].num_rows
    table = pa.concat_tables(tables)
    return TablePreview(path, table, rows == all_rows, file_format)


def first_rows(parquet_file: Any, number: int) -> pa.Table:
    """Returns the first rows of an open Parquet file, at most a given number."""
    schema = parquet_file.schema_arrow.remove_metadata()
    batches, rows = [], 0
    for batch in parquet_file.iter_batches():
        batches.append(batch.cast(schema))
        rows += batch.num_rows
        if rows >= number:
            break
    return pa.Table.from_batches(batches, schema).slice(0, number)
