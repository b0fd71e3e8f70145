"""Predicts the rows of a table with a saved model, block by block.

The memory does not grow with the table.
"""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mtl_cli.core.atomic_write import named_if_full, replacing, temporary_folder
from mtl_cli.core.errors import ConfigError, DataError, first_line
from mtl_cli.core.paths import Location
from mtl_cli.core.standard_streams import written_to_stdout
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.constant_columns import with_constants
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import feature_request
from mtl_cli.data.sources import Source, open_source, with_format_of
from mtl_cli.data.unseen_values import UnseenValues
from mtl_cli.network.prediction_columns import prediction_columns
from mtl_cli.runs import saved_model

STDIO = "-"  # reads CSV from stdin, or writes CSV to stdout
# The last bits of a prediction may depend on the other rows that the network predicts
# in the same call. Blocks of a fixed size, a multiple of the rows per call, make the
# calls the same, whatever chunks the file is read in.
ROWS_PER_BLOCK = 1 << 16
# {ending of a file's name: function that opens a file with a schema for writing}
WRITERS: dict[str, Callable[[Any, pa.Schema], Any]] = {
    ".csv": pyarrow.csv.CSVWriter,
    ".feather": pa.ipc.new_file,
    ".parquet": pyarrow.parquet.ParquetWriter,
}


@dataclass
class PredictionSummary:
    """What `mtl-predict` says about its predictions."""

    num_rows: int = 0
    seconds: float = 0.0  # without loading the model
    # A line for each feature with values that no training row has, and for each column
    # with predictions that are not finite.
    warnings: list[str] = field(default_factory=list)


def predict_files(
    run: Path,
    location: Location,
    target: str,
    keep: Sequence[str] = (),
    on_rows: Callable[[int, int], None] = lambda done, total: None,
    constants: Mapping[str, str | None] = {},
) -> PredictionSummary:
    """Predicts every row of a table, and writes the predictions in the same order.

    Args:
        run: the run folder.
        location: the files of the table, as a data set may name them; `-` reads CSV
            from stdin.
        target: the file to write, completely or not at all: `.parquet`, `.feather` or
            `.csv`; `-` writes CSV to stdout.
        keep: columns of the table to write before the predictions.
        on_rows: is called after each block, with the number of predicted rows and the
            number of all rows.
        constants: {column: value} of columns that have one value in all rows, whether
            or not the table has them.

    Raises:
        DataError: if the run folder holds no model, or the table does not fit it.
        ConfigError: if `target`, `keep` or `constants` is wrong.
        WriteError: if the file cannot be written.
    """
    network, features, config = saved_model.load(run)
    features = with_constants(features, constants, "--set")
    summary, start = PredictionSummary(), time.monotonic()
    request = feature_request(config.dataset).without(constants)
    unseen = UnseenValues(features)
    not_finite = Counter[str]()  # {column: number of predictions}
    with (
        opened_table(location, keep, config.dataset, request) as source,
        opened_target(target) as write,
    ):
        for rows in blocks(source):
            with source.located_errors(summary.num_rows):
                encoded = features.encode(rows)
            unseen.add(rows, encoded)
            columns = prediction_columns(network, config, encoded)
            for name, predictions in columns.items():
                not_finite[name] += int((~np.isfinite(predictions)).sum())
            for name in keep:
                if name in columns:
                    raise ConfigError(
                        f"--keep: a column of predictions is named '{name}' as well; "
                        "rename it in the table"
                    )
            write(pa.table({name: rows[name] for name in keep} | columns))
            summary.num_rows += rows.num_rows
            on_rows(summary.num_rows, source.num_rows)
    summary.seconds = time.monotonic() - start
    summary.warnings = unseen.warnings() + [
        f"{name}: {num_wrong:,} of {summary.num_rows:,} predictions are not finite; "
        "look for huge numbers in the features of these rows"
        for name, num_wrong in not_finite.items()
        if num_wrong
    ]
    return summary


@contextmanager
def opened_table(
    location: Location, keep: Sequence[str], dataset: Dataset, request: ColumnRequest
) -> Iterator[Source]:
    """Opens a table with the columns of the features and, as text, the columns to keep.

    The columns of features have the same types as in training. The ending of the file's
    name decides its format. If it names no format, the format of the run's data set is
    used. The other keys of the data set, such as the delimiter, are always used.
    """
    kept_columns = {column: "--keep" for column in keep if column not in request.keys}
    types = dict.fromkeys(kept_columns, pa.string())
    keys = request.keys | kept_columns
    request = ColumnRequest(keys, request.types | types, settable=request.keys)
    with (
        temporary_folder("mtl-predict-") as folder,
        copied_stdin(folder) if location == STDIO else nullcontext(location) as table,
    ):
        dataset = with_format_of(dataset, table)
        with named_if_full(folder):
            source = open_source("TABLE", table, dataset, request, folder / "rows")
        yield source


@contextmanager
def copied_stdin(folder: Path) -> Iterator[str]:
    """Copies stdin to a file, and yields its path; error messages say "stdin".

    Raises a `DataError` if stdin is empty.
    """
    path = folder / "stdin.csv"
    with named_if_full(folder), path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if not path.stat().st_size:
        raise DataError("TABLE: stdin is empty; expected a header and rows of CSV")
    try:
        yield str(path)
    except DataError as error:
        raise DataError(str(error).replace(str(path), "stdin")) from None


def blocks(source: Source) -> Iterator[pa.Table]:
    """Yields all rows in blocks of `ROWS_PER_BLOCK` rows; the last may have fewer."""
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
    """Opens a file for predictions; yields a function that appends a table to it."""
    writer: Any = None
    is_stdout = target == STDIO
    named_errors = written_to_stdout if is_stdout else nullcontext

    def write(table: pa.Table) -> None:
        nonlocal writer
        try:
            with named_errors():
                if writer is None:  # the schema is known from the first table on
                    writer = WRITERS[ending](sink, table.schema)
                writer.write_table(table)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ConfigError(
                f"--keep: {ending} cannot hold the columns: {first_line(error)}; keep "
                "other columns, or choose another format with -o"
            ) from None

    if is_stdout:
        sink, ending = sys.stdout.buffer, ".csv"
        yield write
        with named_errors():
            writer.close()
        return
    ending = Path(target).suffix
    if ending not in WRITERS:
        raise ConfigError(
            f"-o: '{target}' ends in none of {', '.join(WRITERS)}; choose one of these"
        )
    with replacing(Path(target), "mend that, and run the command again") as path:
        sink = str(path)
        try:
            yield write
        finally:
            if writer is not None:
                writer.close()
