"""Reads the first rows of a table."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.paths import find_data
from mtl_cli.data.csv_file import trim
from mtl_cli.init.layout import Layout, first_lines, layout_of

LOOK = 200_000  # rows


@dataclass(frozen=True)
class Looked:
    """The first rows of a table.

    Attributes:
        path: as the user gave it.
        table: the rows; all columns of text files are text.
        complete: whether these are all rows.
        layout: of the file.
    """

    path: str
    table: pa.Table
    complete: bool
    layout: Layout


def look(path: str, columns: list[str] | None, like: Layout | None = None) -> Looked:
    """Reads the first rows of a table.

    Args:
        path: of a file, or of a folder of Parquet files.
        columns: names, for a text file without a header; empty to number them; None
            if its first line holds the names.
        like: how another file of the data set is written, whose delimiter counts.

    Raises:
        DataError: naming the file and what is wrong with it.
    """
    file = find_data(path)
    if not file.exists():
        raise DataError(f"no file '{path}' (started in {Path.cwd()})")
    try:
        layout = layout_of(path, file, columns)
        if layout.is_text:
            if like is not None and like.is_text:
                layout = replace(layout, delimiter=like.delimiter)
            looked = look_at_text(path, file, layout)
        else:
            looked = look_at_columns(path, file, layout)
    except UnicodeDecodeError:
        raise DataError(not_utf8(path)) from None
    except (pa.ArrowException, csv.Error, OSError) as error:
        reason = first_line(error)
        if "UTF8" in reason:
            raise DataError(not_utf8(path)) from None
        hint = "; does the first line hold all names?" if "Expected" in reason else ""
        raise DataError(f"cannot read '{path}': {reason}{hint}") from None
    if not looked.table.num_rows:
        raise DataError(f"'{path}' has a header but no rows")
    return looked


def look_at_text(path: str, file: Path, layout: Layout) -> Looked:
    """Reads the first rows of a delimited text file, every cell as text."""
    found = first_cells(file, layout)
    names = column_names(path, layout, found)
    options = pa.csv.ConvertOptions(
        column_types={name: pa.string() for name in names or found},
        null_values=[""],
        strings_can_be_null=True,
    )
    batches, rows = [], 0
    with open_text(file, layout, names, options) as reader:
        for batch in reader:
            batches.append(batch)
            rows += batch.num_rows
            if rows > LOOK:
                break
    table = pa.Table.from_batches(batches, reader.schema).slice(0, LOOK)
    trimmed = [trim(column) for column in table.columns]
    clean = [name.strip() for name in table.column_names]
    spaces = clean != table.column_names or any(
        not new.equals(old) for new, old in zip(trimmed, table.columns, strict=True)
    )
    layout = replace(layout, columns=names, trim=spaces)
    return Looked(path, pa.table(trimmed, names=clean), rows <= LOOK, layout)


def first_cells(file: Path, layout: Layout) -> list[str]:
    """Returns the cells of the first line: names, if the file has a header."""
    if layout.columns is None:
        with open_text(file, layout, None) as reader:
            names: list[str] = reader.schema.names
            return names
    return next(csv.reader(first_lines(file), delimiter=layout.delimiter))


def column_names(path: str, layout: Layout, found: list[str]) -> list[str] | None:
    """Returns the columns' names, None where the file's first line has them.

    Args:
        path: of the file, for messages.
        layout: with the names that the user gave.
        found: the cells of the first line.
    """
    given = layout.columns
    if given and len(given) != len(found):
        raise DataError(
            f"--columns: gives {len(given)} names, but the first line of '{path}' is "
            f"cut into {len(found)}: {' | '.join(found)}"
        )
    if len(found) == 1:
        raise DataError(
            f"'{path}' has one column, '{found[0]}'; expected cells separated by "
            "commas, tabs, semicolons or bars"
        )
    numbered = [f"column_{i + 1}" for i in range(len(found))]
    return given if given or given is None else numbered


def open_text(
    file: Path,
    layout: Layout,
    names: list[str] | None,
    options: pa.csv.ConvertOptions | None = None,
) -> pa.csv.CSVStreamingReader:
    """Opens a delimited text file, compressed or not."""
    return pa.csv.open_csv(
        pa.input_stream(str(file), compression="detect"),
        read_options=pa.csv.ReadOptions(column_names=names),
        parse_options=pa.csv.ParseOptions(delimiter=layout.delimiter),
        convert_options=options,
    )


def look_at_columns(path: str, file: Path, layout: Layout) -> Looked:
    """Reads the first rows of a Parquet file, of a folder of them, or of Feather."""
    if layout.format == "feather":
        with pa.memory_map(str(file)) as source:
            table = pa.ipc.open_file(source).read_all()
        return Looked(path, table.slice(0, LOOK), table.num_rows <= LOOK, layout)
    files = sorted(file.rglob("*.parquet")) if file.is_dir() else [file]
    if not files:
        raise DataError(f"the folder '{path}' holds no .parquet files")
    tables, rows, total = [], 0, 0
    for part in files:
        with pa.parquet.ParquetFile(part) as opened:
            total += opened.metadata.num_rows
            if rows < LOOK:
                tables.append(first_rows(opened, LOOK - rows))
                rows += tables[-1].num_rows
    return Looked(path, pa.concat_tables(tables), rows == total, layout)


def first_rows(opened: pa.parquet.ParquetFile, wanted: int) -> pa.Table:
    """Returns the first rows of an open Parquet file, as many as wanted."""
    batches, rows = [], 0
    for batch in opened.iter_batches():
        batches.append(batch)
        rows += batch.num_rows
        if rows >= wanted:
            break
    schema = opened.schema_arrow.remove_metadata()
    batches = [batch.cast(schema) for batch in batches]
    return pa.Table.from_batches(batches, schema).slice(0, wanted)


def not_utf8(path: str) -> str:
    """Says that a file is not UTF-8, and how to make it so."""
    return (
        f"'{path}' is not UTF-8 text; if it is Latin-1: "
        f"iconv -f latin1 -t utf-8 '{path}' > utf8.csv"
    )
