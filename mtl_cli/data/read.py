"""Reads the columns that a data set's YAML names, in chunks of bounded size."""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from mtl_cli.data.files import Files, find, first_line
from mtl_cli.data.schema import Csv, Dataset
from mtl_cli.errors import DataError, RowError, suggest

CHUNK_ROWS = 500_000
TEXT_BLOCK_BYTES = 16 << 20
MOST_SPACES = 64


@dataclass(frozen=True)
class Source:
    """The wanted columns of a table, on disk or, if it is small, in memory.

    Attributes:
        path: as configured, for messages.
        rows: how many.
        chunks: yields tables of at most about `CHUNK_ROWS` rows.
        files: that it was read from; None if it was generated.
    """

    path: str
    rows: int
    chunks: Callable[[], Iterator[pa.Table]]
    files: Files | None = None


@dataclass(frozen=True)
class Wanted:
    """What is read of a table.

    Attributes:
        columns: names, and for each the configuration's key that asks for it.
        types: what a text file's columns are read as: never guessed from the rows.
    """

    columns: dict[str, str]
    types: dict[str, pa.DataType]


def open_source(
    key: str, path: str, dataset: Dataset, wanted: Wanted, spill: Path
) -> Source:
    """Opens a table.

    Args:
        key: the configuration's key that gave the path, for messages.
        path: of a file, folder, pattern or URL.
        dataset: how the files are written.
        wanted: what is read.
        spill: file that a text table's rows go to if they are more than a chunk.

    Raises:
        DataError: naming the file, and what is wrong with it.
    """
    files = find(key, path, dataset.format)
    with reading(key, path):
        if files.format == "parquet":
            rows, chunks = parquet(key, path, files, wanted)
        elif files.format == "feather":
            rows, chunks = feather(key, path, files, wanted)
        else:
            rows, chunks = text(key, path, files, dataset.csv, wanted, spill)
    if not rows:
        raise DataError(f"{key}: {path} has a header but no rows")

    def checked() -> Iterator[pa.Table]:
        with reading(key, path):
            for table in chunks():
                yield plain(table)

    if rows > CHUNK_ROWS:
        return Source(path, rows, checked, files)
    table = pa.concat_tables(list(checked())).combine_chunks()
    return Source(path, rows, lambda: iter([table]), files)


def in_memory(table: pa.Table, wanted: Wanted) -> Source:
    """Returns a table that was generated."""
    check_names("dataset.generator", "its rows", table.column_names, wanted)
    chosen = table.select(list(wanted.columns))
    starts = range(0, table.num_rows, CHUNK_ROWS)
    return Source(
        "generated",
        table.num_rows,
        lambda: (chosen.slice(i, CHUNK_ROWS) for i in starts),
    )


@contextlib.contextmanager
def reading(key: str, path: str) -> Iterator[None]:
    """Tells in one line what a library says of a file that it cannot read."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError) as error:
        reason = first_line(error)
        if "UTF8" in reason:
            reason += "; save the file as UTF-8"
        raise DataError(f"{key}: cannot read {path}: {reason}") from None


def check_names(key: str, path: str, names: list[str], wanted: Wanted) -> None:
    """Refuses a table that lacks a column, or has it twice."""
    for column, wanted_by in wanted.columns.items():
        if names.count(column) > 1:
            raise DataError(
                f"{key}: {path} has {names.count(column)} columns '{column}'; "
                "rename all but one"
            )
        if column not in names:
            shown = names if len(names) <= 60 else [*names[:60], "..."]
            raise DataError(
                f"{wanted_by}: no column '{column}' in {path}, which has "
                f"{', '.join(shown)}{suggest(column, names)}{delimiter(names)}"
            )


def delimiter(names: list[str]) -> str:
    """Says which delimiter a text file seems to have, if its header is one name."""
    if len(names) == 1:
        marks = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
        for mark, word in marks.items():
            if mark in names[0]:
                return (
                    f"; the file seems to be separated by {word}: say so with "
                    f"dataset.csv.delimiter={mark!r}"
                )
    return ""


def check_schema(
    key: str,
    path: str,
    files: Files,
    name: str,
    schema: pa.Schema,
    wanted: Wanted,
    first: dict[str, Any],
) -> None:
    """Refuses a file that lacks a column, or holds another type than the first.

    Args:
        key: the configuration's key that gave the path, for messages.
        path: of all files, as configured.
        files: all of them.
        name: of this file.
        schema: of this file.
        wanted: what is read.
        first: by column, the type in the first file, which enters it.
    """
    shown = path if len(files.paths) == 1 else name
    check_names(key, shown, schema.names, wanted)
    for column in wanted.columns:
        kind = value_type(schema.field(column).type)
        if first.setdefault(column, kind) != kind:
            raise DataError(
                f"{key}: the files of {path} disagree: column '{column}' is "
                f"{first[column]} in {files.paths[0]} and {kind} in {name}"
            )


def parquet(
    key: str, path: str, files: Files, wanted: Wanted
) -> tuple[int, Callable[[], Iterator[pa.Table]]]:
    """Opens Parquet files, whose wanted columns must agree."""
    columns = list(wanted.columns)
    rows, first = 0, dict[str, Any]()
    for name in files.paths:
        with pyarrow.parquet.ParquetFile(files.system.open_input_file(name)) as file:
            check_schema(key, path, files, name, file.schema_arrow, wanted, first)
            rows += file.metadata.num_rows

    def chunks() -> Iterator[pa.Table]:
        for name in files.paths:
            stream = files.system.open_input_file(name)
            with pyarrow.parquet.ParquetFile(stream, pre_buffer=False) as file:
                for batch in file.iter_batches(CHUNK_ROWS, columns=columns):
                    yield pa.Table.from_batches([batch]).select(columns)

    return rows, chunks


def feather(
    key: str, path: str, files: Files, wanted: Wanted
) -> tuple[int, Callable[[], Iterator[pa.Table]]]:
    """Opens Feather (Arrow) files, whose wanted columns must agree."""
    rows, first = 0, dict[str, Any]()
    for name in files.paths:
        with pa.ipc.open_file(files.system.open_input_file(name)) as file:
            check_schema(key, path, files, name, file.schema, wanted, first)
            batches = range(file.num_record_batches)
            rows += sum(file.get_batch(i).num_rows for i in batches)

    def chunks() -> Iterator[pa.Table]:
        for name in files.paths:
            with pa.ipc.open_file(files.system.open_input_file(name)) as file:
                for i in range(file.num_record_batches):
                    table = pa.Table.from_batches([file.get_batch(i)])
                    for start in range(0, table.num_rows, CHUNK_ROWS):
                        part = table.slice(start, CHUNK_ROWS)
                        yield part.select(list(wanted.columns))

    return rows, chunks


def text(
    key: str, path: str, files: Files, csv: Csv, wanted: Wanted, spill: Path
) -> tuple[int, Callable[[], Iterator[pa.Table]]]:
    """Reads text files; if they are long, by way of a file that reads fast again."""
    batches = (
        batch
        for name in files.paths
        for batch in text_batches(key, path, files, name, csv, wanted)
    )
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows > CHUNK_ROWS:
            break
    if rows <= CHUNK_ROWS:
        return rows, lambda: iter([pa.Table.from_batches(held)] if held else [])
    with (
        pa.OSFile(str(spill), "wb") as sink,
        pa.ipc.new_file(sink, held[0].schema) as w,
    ):
        for batch in held:
            w.write(batch)
        held.clear()
        for batch in batches:
            rows += batch.num_rows
            w.write(batch)
    spilled = Files(pa.fs.LocalFileSystem(), [str(spill)], "feather")
    return rows, feather(key, path, spilled, wanted)[1]


def text_batches(
    key: str, path: str, files: Files, name: str, csv: Csv, wanted: Wanted
) -> Iterator[pa.RecordBatch]:
    """Yields the wanted columns of one text file as it is read."""
    tab = files.format == "tsv"
    parse = pyarrow.csv.ParseOptions(
        delimiter=csv.delimiter or ("\t" if tab else ","), newlines_in_values=True
    )
    options = {"parse_options": parse}
    names = text_header(files, name, csv, options)
    check_names(key, path, names, wanted)
    options["convert_options"] = pyarrow.csv.ConvertOptions(
        include_columns=list(wanted.columns),
        column_types=wanted.types,
        # A cell of nothing but spaces is missing too, where spaces are cut.
        null_values=[
            *(" " * n for n in range(MOST_SPACES if csv.trim else 1)),
            *csv.null_values,
        ],
        strings_can_be_null=True,
    )
    failed: Any = None
    for threads in (True, False):
        read = pyarrow.csv.ReadOptions(
            use_threads=threads,
            block_size=TEXT_BLOCK_BYTES,
            column_names=names if csv.columns or csv.trim else None,
            skip_rows=1 if csv.trim and not csv.columns else 0,
        )
        try:
            with (
                files.system.open_input_stream(name) as stream,
                pyarrow.csv.open_csv(stream, read_options=read, **options) as reader,
            ):
                for batch in reader:
                    if threads:
                        yield trimmed(batch) if csv.trim else batch
                if threads:
                    return
        except pa.ArrowInvalid as error:
            # Only a reader with one thread knows the row.
            failed = error
    raise cell_error(str(failed), names, 0 if csv.columns else 1, wanted) or failed


def text_header(
    files: Files, name: str, csv: Csv, options: dict[str, Any]
) -> list[str]:
    """Returns the names of a text file's columns."""
    if csv.columns:
        return csv.columns
    with (
        files.system.open_input_stream(name) as stream,
        pyarrow.csv.open_csv(stream, **options) as reader,
    ):
        return [n.strip() if csv.trim else n for n in reader.schema.names]


def cell_error(
    message: str, names: list[str], header: int, wanted: Wanted
) -> DataError | None:
    """Returns what Arrow says of a cell that is no number, in our words."""
    pattern = (
        r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to (\w+): "
        r"invalid value '(.*)'"
    )
    found = re.match(pattern, message, re.DOTALL)
    if found is None or found[2] is None:
        return None
    column, row, value = names[int(found[1])], int(found[2]) - 1 - header, found[4]
    key = wanted.columns[column]
    fix = "correct or empty the cell"
    if key.endswith(".label"):
        fix = "a regression needs numbers; of words say what they mean: `positive:` "
        fix += "the value that counts as 1, or `classes:`"
    elif ".features." in key:
        fix += ", or make it kind: sparse"
    return RowError(
        f"{key}: column '{column}'", row, f"holds {value!r}, not a number; {fix}"
    )


def trimmed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Cuts spaces at the ends of text cells; an empty one is a missing value."""
    columns = []
    for column in batch.columns:
        if pa.types.is_string(column.type):
            cut = pc.utf8_trim_whitespace(column)
            column = pc.if_else(pc.equal(cut, ""), None, cut)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def plain(table: pa.Table) -> pa.Table:
    """Decodes dictionary columns, so that equal values compare equal across files."""
    fields = [field.with_type(value_type(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def value_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type of a column's values, in a dictionary or not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
