"""Reads the columns that a data set's YAML names, in chunks of bounded size."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from mtl_cli.data.files import Files, find, first_line
from mtl_cli.data.schema import Csv, Dataset
from mtl_cli.data.text_errors import (
    END,
    SNIFFED_BYTES,
    Ended,
    check_text,
    header,
    header_hint,
    never_closed,
    row_error,
)
from mtl_cli.errors import DataError, suggest

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
        parts: the rows of each file.
    """

    path: str
    rows: int
    chunks: Callable[[], Iterator[pa.Table]]
    parts: dict[str, int] = field(default_factory=dict)

    def place(self, row: int) -> tuple[str, int]:
        """Returns which file a row is in, and its number there."""
        for path, rows in self.parts.items():
            if row < rows:
                return path, row
            row -= rows
        return self.path, row


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
    if files.format == "parquet":
        parts, chunks = parquet(key, path, files, wanted)
    elif files.format == "feather":
        parts, chunks = feather(key, path, files, wanted)
    else:
        parts, chunks = text(key, path, files, dataset.csv, wanted, spill)
    rows = sum(parts.values())
    if not rows:
        raise DataError(f"{key}: {path} has a header but no rows")

    def tables() -> Iterator[pa.Table]:
        return checked(key, path, rows, chunks())

    if rows > CHUNK_ROWS:
        return Source(path, rows, tables, parts)
    table = pa.concat_tables(list(tables())).combine_chunks()
    return Source(path, rows, lambda: iter([table]), parts)


def checked(
    key: str, path: str, rows: int, chunks: Iterator[pa.Table]
) -> Iterator[pa.Table]:
    """Yields chunks that hold what their types say, and as many rows as there were."""
    left = rows
    with reading(key, path):
        for table in chunks:
            table.validate(full=True)  # Arrow trusts a damaged file, and may crash
            left -= table.num_rows
            if left >= 0:
                yield plain(table)
    if left:
        raise DataError(
            f"{key}: {path} had {rows:,} rows and then {rows - left:,}; it changed "
            "while it was read: run again when it is complete"
        )


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
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        reason = first_line(error)
        if "UTF8" in reason or isinstance(error, UnicodeDecodeError):
            fix = "save the file as UTF-8"
        else:
            fix = "is it whole, and of the format that its ending says?"
        raise DataError(
            f"{key}: cannot read {path}: {reason.rstrip('.')}; {fix}"
        ) from None


def check_names(key: str, path: str, names: list[str], wanted: Wanted) -> None:
    """Refuses a table that lacks a column, or has it twice."""
    for column, wanted_by in wanted.columns.items():
        if names.count(column) > 1:
            raise DataError(
                f"{key}: {path} has {names.count(column)} columns '{column}'; "
                "rename all but one"
            )
        if column not in names:
            plain = [n.isprintable() and n == n.strip() for n in names]
            told = [n if p else repr(n) for n, p in zip(names, plain, strict=True)]
            shown = told if len(told) <= 60 else [*told[:60], "..."]
            raise DataError(
                f"{wanted_by}: no column '{column}' in {path}, which has "
                f"{', '.join(shown)}{suggest(column, told)}{header_hint(names)}"
            )


def parquet(
    key: str, path: str, files: Files, wanted: Wanted
) -> tuple[dict[str, int], Callable[[], Iterator[pa.Table]]]:
    """Opens Parquet files, whose wanted columns must agree."""
    columns = list(wanted.columns)
    parts, first = {}, None
    for name in files.paths:
        shown = shown_path(path, files, name)
        stream = opened(key, shown, files, name)
        with reading(key, shown), parquet_file(stream) as file:
            first = check_schema(key, shown, file.schema_arrow, wanted, first)
            parts[shown] = file.metadata.num_rows

    def chunks() -> Iterator[pa.Table]:
        for name in files.paths:
            shown = shown_path(path, files, name)
            stream = opened(key, shown, files, name)
            with reading(key, shown), parquet_file(stream) as file:
                for batch in file.iter_batches(CHUNK_ROWS, columns=columns):
                    yield pa.Table.from_batches([batch]).select(columns)

    return parts, chunks


def parquet_file(stream: Any) -> Any:
    """Opens a Parquet file, whose pages are checked if it has checksums of them."""
    # Without pre_buffer, which keeps all that it has read until the file is closed.
    return pyarrow.parquet.ParquetFile(
        stream, page_checksum_verification=True, pre_buffer=False
    )


def feather(
    key: str, path: str, files: Files, wanted: Wanted
) -> tuple[dict[str, int], Callable[[], Iterator[pa.Table]]]:
    """Opens Feather (Arrow) files, whose wanted columns must agree."""
    parts, first = {}, None
    for name in files.paths:
        shown = shown_path(path, files, name)
        stream = opened(key, shown, files, name)
        with reading(key, shown), pa.ipc.open_file(stream) as file:
            first = check_schema(key, shown, file.schema, wanted, first)
            batches = range(file.num_record_batches)
            parts[shown] = sum(file.get_batch(i).num_rows for i in batches)

    def chunks() -> Iterator[pa.Table]:
        for name in files.paths:
            shown = shown_path(path, files, name)
            stream = opened(key, shown, files, name)
            with reading(key, shown), pa.ipc.open_file(stream) as file:
                for i in range(file.num_record_batches):
                    table = pa.Table.from_batches([file.get_batch(i)])
                    for start in range(0, table.num_rows, CHUNK_ROWS):
                        part = table.slice(start, CHUNK_ROWS)
                        yield part.select(list(wanted.columns))

    return parts, chunks


def shown_path(path: str, files: Files, name: str) -> str:
    """Returns what messages call a file: as configured, if it is the only one."""
    return path if len(files.paths) == 1 else name


def opened(key: str, path: str, files: Files, name: str) -> Any:
    """Opens a file that can be read from any place."""
    with reading(key, path):
        return files.system.open_input_file(name)


def check_schema(
    key: str,
    path: str,
    schema: pa.Schema,
    wanted: Wanted,
    first: dict[str, tuple[pa.DataType, str]] | None,
) -> dict[str, tuple[pa.DataType, str]]:
    """Refuses a file that lacks a column, or whose types are not those of the first.

    Returns: of the first file, the type of each column, and the path.
    """
    check_names(key, path, schema.names, wanted)
    found = {c: value_type(schema.field(c).type) for c in wanted.columns}
    for column, (kind, other) in (first or {}).items():
        if found[column] != kind:
            raise DataError(
                f"{key}: the files disagree: column '{column}' is {kind} in {other} "
                f"and {found[column]} in {path}; write both alike"
            )
    return first or {column: (kind, path) for column, kind in found.items()}


def text(
    key: str, path: str, files: Files, csv: Csv, wanted: Wanted, spill: Path
) -> tuple[dict[str, int], Callable[[], Iterator[pa.Table]]]:
    """Reads text files; if they are long, by way of a file that reads fast again."""
    parts: dict[str, int] = {}

    def counted() -> Iterator[pa.RecordBatch]:
        for name in files.paths:
            shown = shown_path(path, files, name)
            parts[shown] = 0
            for batch in text_batches(key, shown, files, name, csv, wanted):
                parts[shown] += batch.num_rows
                yield batch

    batches = counted()
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(parts.values()) > CHUNK_ROWS:
            break
    if sum(parts.values()) <= CHUNK_ROWS:
        return parts, lambda: iter([pa.Table.from_batches(held)] if held else [])
    with (
        pa.OSFile(str(spill), "wb") as sink,
        pa.ipc.new_file(sink, held[0].schema) as w,
    ):
        for batch in held:
            w.write(batch)
        held.clear()
        for batch in batches:
            w.write(batch)
    spilled = Files(pa.fs.LocalFileSystem(), [str(spill)], "feather")
    return parts, feather(key, path, spilled, wanted)[1]


def text_batches(
    key: str, path: str, files: Files, name: str, csv: Csv, wanted: Wanted
) -> Iterator[pa.RecordBatch]:
    """Yields the wanted columns of one text file, `path` in messages, as it is read."""
    delimiter = csv.delimiter or ("\t" if files.format == "tsv" else ",")
    with reading(key, path), files.system.open_input_stream(name) as stream:
        start = stream.read(SNIFFED_BYTES)
    check_text(key, path, start)
    written = csv.columns or header(key, path, start, delimiter)
    names = [name.strip() for name in written] if csv.trim else written
    check_names(key, path, names, wanted)
    spelt = dict(zip(names, written, strict=True))
    first = next(iter(wanted.columns))

    def batches(threads: bool) -> Iterator[pa.RecordBatch]:
        with files.system.open_input_stream(name) as stream:
            end = [END if column == first else "" for column in names]
            options = text_options(delimiter, csv, wanted, spelt, threads)
            ended = Ended(stream, f"\n{delimiter.join(end)}\n".encode())
            with pyarrow.csv.open_csv(ended, **options) as reader:
                yield from before_end(key, path, reader)

    with reading(key, path):
        try:
            for batch in batches(threads=True):
                yield trimmed(batch, wanted) if csv.trim else batch
        except pa.ArrowInvalid as error:
            # Only a reader with one thread knows the row.
            told = message_of(batches(threads=False)) or str(error)
            above = 1 if csv.columns else 2
            in_our_words = row_error(told, key, path, names, above, wanted.columns)
            raise in_our_words or error from None


def message_of(batches: Iterator[pa.RecordBatch]) -> str | None:
    """Returns what Arrow says of a file that it cannot read."""
    try:
        for _ in batches:
            pass
    except pa.ArrowInvalid as error:
        return str(error)
    return None


def text_options(
    delimiter: str, csv: Csv, wanted: Wanted, spelt: dict[str, str], threads: bool
) -> dict[str, Any]:
    """Returns how Arrow is to read a text file, whose header spells names its way."""
    return {
        "parse_options": pyarrow.csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True
        ),
        "convert_options": pyarrow.csv.ConvertOptions(
            include_columns=[spelt[column] for column in wanted.columns],
            column_types={spelt[column]: kind for column, kind in wanted.types.items()},
            # A cell of nothing but spaces is missing too, where spaces are cut.
            null_values=[
                *(" " * n for n in range(MOST_SPACES if csv.trim else 1)),
                *csv.null_values,
            ],
            strings_can_be_null=True,
        ),
        "read_options": pyarrow.csv.ReadOptions(
            use_threads=threads, block_size=TEXT_BLOCK_BYTES, column_names=csv.columns
        ),
    }


def before_end(
    key: str, path: str, reader: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a text file, without that which `Ended` added.

    Raises:
        DataError: if it is not there, since the row before it has taken it in.
    """
    rows, held = 0, None
    for batch in reader:
        if batch.num_rows:
            rows += batch.num_rows
            if held is not None:
                yield held
            held = batch
    if held is None or held.column(0)[-1].as_py() not in (END, float(END)):
        raise never_closed(key, path, rows - 1)
    yield held.slice(0, held.num_rows - 1)


def trimmed(batch: pa.RecordBatch, wanted: Wanted) -> pa.RecordBatch:
    """Cuts spaces at the ends of names and text cells; an empty cell is missing."""
    columns = []
    for column in batch.columns:
        if pa.types.is_string(column.type):
            cut = pc.utf8_trim_whitespace(column)
            column = pc.if_else(pc.equal(cut, ""), None, cut)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=list(wanted.columns))


def plain(table: pa.Table) -> pa.Table:
    """Decodes dictionary columns, so that equal values compare equal across files."""
    fields = [field.with_type(value_type(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def value_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type of a column's values, in a dictionary or not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
