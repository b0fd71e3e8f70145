"""Reads the columns that a data set's YAML names, in chunks of bounded size."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from mtl_cli.core.errors import DataError
from mtl_cli.data.dataset import Csv, Dataset
from mtl_cli.data.files import Files, find
from mtl_cli.data.requested_columns import Wanted, check_names, reading
from mtl_cli.data.text_file import text_batches

CHUNK_ROWS = 500_000


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


def plain(table: pa.Table) -> pa.Table:
    """Decodes dictionary columns, so that equal values compare equal across files."""
    fields = [field.with_type(value_type(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def value_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type of a column's values, in a dictionary or not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
