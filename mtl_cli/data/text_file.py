"""Reads one delimited text file, in batches of bounded size."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mtl_cli.data.dataset import Csv
from mtl_cli.data.files import Files
from mtl_cli.data.requested_columns import Wanted, check_names, reading
from mtl_cli.data.text_errors import (
    END,
    SNIFFED_BYTES,
    Ended,
    check_text,
    header,
    never_closed,
    row_error,
)

TEXT_BLOCK_BYTES = 16 << 20
MOST_SPACES = 64


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
    columns = [
        trim(column) if pa.types.is_string(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=list(wanted.columns))


def trim(column: Any) -> Any:
    """Cuts spaces at the ends of text; a cell of spaces alone is an empty one."""
    cut = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(cut, ""), pa.scalar(None, pa.string()), cut)
