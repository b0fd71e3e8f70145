"""Predicts the rows of files with a saved model, chunk by chunk in bounded memory."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mtl_cli.config.run_config import Config
from mtl_cli.core.atomic_write import replacing
from mtl_cli.core.errors import ConfigError
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.encode import feature_request, located_errors
from mtl_cli.data.files import format_by_ending
from mtl_cli.data.sources import Source, open_source
from mtl_cli.network.prediction_columns import prediction_columns
from mtl_cli.runs import saved_model

STDIO = "-"  # stands for CSV from stdin, or to stdout
# A multiple of the rows that the network predicts at a time: then a row's block, and so
# its prediction to the last bit, does not depend on how a file is cut into chunks.
ROWS_PER_BLOCK = 1 << 16
# By the ending of a file: opens a file of a schema, to which tables are written.
WRITERS: dict[str, Callable[[Any, pa.Schema], Any]] = {
    ".csv": pyarrow.csv.CSVWriter,
    ".feather": pa.ipc.new_file,
    ".parquet": pyarrow.parquet.ParquetWriter,
}


@dataclass
class Counts:
    """Counts over the rows that have been predicted.

    Attributes:
        rows: the number of rows.
        seconds: the time to read, encode, predict and write them, without the time to
            load the model.
        unseen: {feature: number of rows with a value that the training rows lack}.
    """

    rows: int = 0
    seconds: float = 0.0
    unseen: dict[str, int] = field(default_factory=dict)


def predict_files(
    run: Path,
    path: str,
    target: str,
    keep: Sequence[str] = (),
    on_rows: Callable[[int, int], None] = lambda done, total: None,
) -> Counts:
    """Predicts every row of a table, and writes the predictions in the same order.

    Args:
        run: the run folder.
        path: a file, folder, pattern or URL that data sets may have; `-` is CSV from
            stdin.
        target: the file to write, whole or not at all: `.parquet`, `.feather` or
            `.csv`; `-` is CSV to stdout.
        keep: columns of the table to write before the predictions.
        on_rows: receives the numbers of predicted and of all rows after each block.

    Raises:
        DataError: if the run holds no model, or the table does not fit the model.
        ConfigError: if `target` or `keep` is wrong.
        WriteError: if the file cannot be written.
    """
    network, features, config = saved_model.load(run)
    counts, start = Counts(), time.monotonic()
    with opened_table(path, keep, config) as source, opened_target(target) as write:
        for rows in blocks(source):
            with located_errors(source, counts.rows):
                encoded = features.encode(rows)
            for name, value_rows in features.unseen(rows, encoded).items():
                unseen_rows = len(np.unique(value_rows.unseen))
                counts.unseen[name] = counts.unseen.get(name, 0) + unseen_rows
            columns = prediction_columns(network, config, encoded)
            for name in keep:
                if name in columns:
                    raise ConfigError(
                        f"--keep: a column of predictions is named '{name}' as well; "
                        "rename it in the table"
                    )
            write(pa.table({name: rows[name] for name in keep} | columns))
            counts.rows += rows.num_rows
            on_rows(counts.rows, source.rows)
    counts.seconds = time.monotonic() - start
    return counts


@contextmanager
def opened_table(path: str, keep: Sequence[str], config: Config) -> Iterator[Source]:
    """Opens the columns of features, with training's types, and the columns to keep.

    The format follows from the ending of the file's name. If the ending names none, and
    for how text is written, the keys of the run's data set count.
    """
    request = feature_request(config.dataset)
    kept_columns = {column: "--keep" for column in keep if column not in request.keys}
    types = dict.fromkeys(kept_columns, pa.string())
    request = ColumnRequest(request.keys | kept_columns, request.types | types)
    with tempfile.TemporaryDirectory(prefix="mtl-predict-") as folder:
        file_format = format_by_ending(path) or config.dataset.format
        if path == STDIO:
            path, file_format = f"{folder}/stdin.csv", "csv"
            with open(path, "wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        dataset = config.dataset.model_copy(update={"format": file_format})
        yield open_source("TABLE", path, dataset, request, Path(folder, "rows"))


def blocks(source: Source) -> Iterator[pa.Table]:
    """Yields all rows in blocks of `ROWS_PER_BLOCK`; the last block may be smaller."""
    left_over: list[pa.Table] = []
    # Small chunks need little memory: a chunk stays in memory while the next is read.
    for chunk in source.read(ROWS_PER_BLOCK):
        rows = pa.concat_tables([*left_over, chunk])
        end = rows.num_rows - rows.num_rows % ROWS_PER_BLOCK
        for start in range(0, end, ROWS_PER_BLOCK):
            yield rows.slice(start, ROWS_PER_BLOCK).combine_chunks()
        left_over = [rows.slice(end)]
    if left_over and left_over[0].num_rows:
        yield left_over[0].combine_chunks()


@contextmanager
def opened_target(target: str) -> Iterator[Callable[[pa.Table], None]]:
    """Opens a file to write predictions to; yields a function that writes a table."""
    writer: Any = None

    def write(table: pa.Table) -> None:
        nonlocal writer
        if writer is None:
            writer = WRITERS[ending](sink, table.schema)
        writer.write_table(table)

    if target == STDIO:
        sink, ending = sys.stdout.buffer, ".csv"
        yield write
        writer.close()
        sys.stdout.flush()
        return
    ending = Path(target).suffix
    if ending not in WRITERS:
        raise ConfigError(
            f"-o: '{target}' ends in none of {', '.join(WRITERS)}; choose one of these"
        )
    with replacing(Path(target), "free the space, and run the command again") as path:
        sink = str(path)
        try:
            yield write
        finally:
            if writer is not None:
                writer.close()


def unseen_warnings(counts: Counts) -> list[str]:
    """Returns a line for each feature with values that the training rows lack."""
    return [
        f"{name}: {unseen:,} of {counts.rows:,} rows ({unseen / counts.rows:.1%}) have "
        "a value that no training row has; such a value is taken as unknown"
        for name, unseen in counts.unseen.items()
        if unseen
    ]
