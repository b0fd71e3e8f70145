"""Reads the first rows of a table: its preview."""

import csv
import glob
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from mtl_cli.core.errors import DataError, RowError, first_line, shown
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.paths import find_data
from mtl_cli.data.arrow_errors import is_not_utf8, is_row_too_long
from mtl_cli.data.csv_cells import trim
from mtl_cli.data.csv_file import BLOCK_BYTES, StreamWithSentinel
from mtl_cli.data.csv_row_errors import NEVER_CLOSED, OPEN_QUOTE, SENTINEL, ragged_row
from mtl_cli.data.files import matching_paths
from mtl_cli.init.columnar_preview import read_columnar
from mtl_cli.init.file_format import FileFormat, detect_format
from mtl_cli.init.null_values import with_empty_cells

MAX_ROWS = 200_000
MAX_NAME = 1000  # characters of a column's name; a key of YAML has at most 1024


@dataclass(frozen=True)
class TablePreview:
    """The first rows of a table.

    Attributes:
        path: the table as the user named it.
        table: the rows. All columns of a text file are read as text.
        complete: whether these are all rows of the table.
        format: the format of the table's files.
    """

    path: str
    table: pa.Table
    complete: bool
    format: FileFormat

    def with_empty_cells(self, null_values: Iterable[str]) -> "TablePreview":
        """Returns a preview in which the cells with these texts are empty.

        The preview of a Parquet or Feather file is returned unchanged.
        """
        if not self.format.is_text:
            return self
        return replace(self, table=with_empty_cells(self.table, null_values))


def read_preview(
    path: str, columns: list[str] | None, training_format: FileFormat | None = None
) -> TablePreview:
    """Reads the first rows of a table.

    Args:
        path: a file, a folder of Parquet files, or a pattern of Parquet or Feather
            files.
        columns: see `detect_format`.
        training_format: the format of the training table, if `path` is a test table:
            both tables have the same delimiter. None if `path` is the training table.

    Raises:
        DataError: if the file does not exist, is damaged or has no rows.
    """
    file = find_data(path)
    if not file.exists():
        return preview_pattern(path, columns)
    return preview_table(path, [file], columns, training_format)


def preview_pattern(path: str, columns: list[str] | None) -> TablePreview:
    """Reads the first rows of the files that a pattern names.

    Args:
        path: a pattern, or a path without a file.
        columns: see `detect_format`.
    """
    here = f"(current folder: {Path.cwd()})"
    if not glob.has_magic(path):
        raise DataError(f"no file '{path}' {here}")
    files = sorted(file for file in matching_paths(find_data(path)) if file.is_file())
    if not files:
        raise DataError(f"no file matches '{path}' {here}")
    preview = preview_table(path, files, columns, None)
    if preview.format.is_text and len(files) > 1:
        raise DataError(
            f"'{path}' names {len(files)} text files; name one of them, and write the "
            "pattern into the YAML as `train`"
        )
    return preview


def preview_table(
    path: str,
    files: list[Path],
    columns: list[str] | None,
    training_format: FileFormat | None,
) -> TablePreview:
    """Reads the first rows of one file or folder, or of several files.

    Args:
        path: the table as the user named it.
        files: a file or a folder, or the files that a pattern names. If these are text
            files, only the first is read.
        columns: see `detect_format`.
        training_format: see `read_preview`.
    """
    file = files[0]
    try:
        delimiter = None
        if training_format is not None and training_format.is_text:
            delimiter = training_format.delimiter
        file_format = detect_format(path, file, columns, delimiter)
        if file_format.is_text:
            preview = preview_text(path, file, file_format)
        else:
            table, num_rows = read_columnar(path, files, file_format.name, MAX_ROWS)
            is_complete = num_rows == table.num_rows
            preview = TablePreview(path, table, is_complete, file_format)
    except UnsafeFileError as error:
        raise DataError(f"'{path}' {error}") from None
    except (pa.ArrowException, csv.Error, OSError, UnicodeDecodeError) as error:
        if is_not_utf8(error):
            raise DataError(
                f"'{path}' is not UTF-8 text; if it is Latin-1: "
                f"iconv -f latin1 -t utf-8 '{path}' > utf8.csv"
            ) from None
        raise DataError(f"cannot read '{path}': {first_line(error)}") from None
    if not preview.table.num_rows:
        raise DataError(f"'{path}' has a header but no rows")
    for name in preview.table.column_names:
        if len(name) > MAX_NAME:
            raise DataError(
                f"'{path}' has a column with the name {shown(name)} of {len(name):,} "
                f"characters; rename the column, to at most {MAX_NAME:,} characters"
            )
    return preview


def preview_text(path: str, file: Path, file_format: FileFormat) -> TablePreview:
    """Reads the first rows of a delimited text file, every cell as text."""
    columns, delimiter = file_format.columns, file_format.delimiter
    names = None if file_format.has_header else columns
    batches, num_rows, complete = [], 0, False
    try:
        with pa.csv.open_csv(
            open_with_sentinel(file, file_format),
            read_options=pa.csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES),
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        ) as reader:
            # Such a name is not in `columns`: Arrow would guess the type of its cells.
            if reader.schema.names != columns:
                raise DataError(
                    f"cannot read '{path}': a name in its header holds a line break; "
                    "write all names in one line"
                )
            for batch in reader:
                batches.append(batch)
                num_rows += batch.num_rows
                if num_rows > MAX_ROWS + 1:  # 1 for the sentinel row
                    break
            else:
                complete = True
    except pa.ArrowInvalid as error:
        if is_row_too_long(error):
            problem = f"is too long; {NEVER_CLOSED}"
            raise RowError(f"cannot read '{path}'", num_rows, problem) from None
        raise ragged_row_error(path, file, file_format) or error from None
    table = pa.Table.from_batches(batches, reader.schema)
    if complete:
        num_rows -= 1
        if table.column(0)[-1].as_py() != SENTINEL:
            raise RowError(f"cannot read '{path}'", num_rows, OPEN_QUOTE)
    table = table.slice(0, min(num_rows, MAX_ROWS))
    trimmed = pa.table(
        [trim(column) for column in table.columns],
        [name.strip() for name in table.column_names],
    )
    file_format = replace(file_format, trim=not trimmed.equals(table))
    return TablePreview(path, trimmed, num_rows <= MAX_ROWS, file_format)


def ragged_row_error(path: str, file: Path, file_format: FileFormat) -> RowError | None:
    """Returns the error about the first row with too few or too many cells."""
    num_columns, delimiter = len(file_format.columns), file_format.delimiter
    stream = open_with_sentinel(file, file_format)
    ragged = ragged_row(stream, num_columns, delimiter, BLOCK_BYTES)
    if ragged is None:
        return None
    row, problem = ragged
    if file_format.has_header:
        row -= 1  # the header is not a row
        problem = f"{problem}; does the first line hold all names?"
    return RowError(f"cannot read '{path}'", row, problem)


def open_with_sentinel(file: Path, file_format: FileFormat) -> StreamWithSentinel:
    """Opens a text file, compressed or not, with a sentinel row after its last row."""
    return StreamWithSentinel(
        pa.input_stream(str(file), compression="detect"),
        [SENTINEL, *[""] * (len(file_format.columns) - 1)],
        file_format.delimiter,
        file.stat().st_size,
    )
