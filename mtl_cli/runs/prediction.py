"""Predicts the rows of a table with a saved model, block by block.

The memory does not grow with the table.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mtl_cli.core.atomic_write import named_if_full, replacing, temporary_folder
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.paths import Location
from mtl_cli.core.prediction_names import prediction_name
from mtl_cli.core.standard_streams import written_to_stdout
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import feature_request
from mtl_cli.data.sources import (
    OnProgress,
    Source,
    no_progress,
    open_source,
    with_format_of,
)
from mtl_cli.data.stdin import copied_stdin
from mtl_cli.data.table import Array
from mtl_cli.data.unseen_values import UnseenValues
from mtl_cli.runs import saved_model

STDOUT = "-"  # as a target: CSV to stdout
# {ending of a file's name: function that opens a file with a schema for writing}
WRITERS: dict[str, Callable[[Any, pa.Schema], Any]] = {
    ".csv": pyarrow.csv.CSVWriter,
    ".feather": pa.ipc.new_file,
    ".parquet": pyarrow.parquet.ParquetWriter,
}


@dataclass
class PredictionSummary:
    """The facts and warnings that `mtl-predict` prints after it has predicted."""

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
    on_rows: OnProgress = no_progress,
    constants: Mapping[str, str | None] = {},
    may_exist: bool = True,
) -> PredictionSummary:
    """Predicts every row of a table, and writes the predictions in the same order.

    Args:
        run: the run folder.
        location: the table: paths, folders, glob patterns or URLs, as in a data set;
            `-` reads CSV from stdin.
        target: the file to write, completely or not at all: `.parquet`, `.feather` or
            `.csv`; `-` writes CSV to stdout.
        keep: columns of the table to write before the predictions.
        on_rows: is called after each block, with the number of predicted rows and the
            number of all rows.
        constants: {column: value} of columns that have one value in all rows, whether
            or not the table has them.
        may_exist: whether an existing target is replaced.

    Raises:
        DataError: if the run folder holds no model, or the table does not fit it.
        ConfigError: if `target`, `keep` or `constants` is wrong.
        WriteError: if the file cannot be written.
    """
    model = saved_model.load(run).with_constants(constants, "--set")
    summary, start = PredictionSummary(), time.monotonic()
    dataset = model.config.dataset
    request = feature_request(dataset).without(constants)
    unseen = UnseenValues(model.features)
    not_finite = Counter[str]()  # {column: number of predictions}
    with (
        opened_table(location, keep, dataset, request) as source,
        opened_target(target, may_exist) as writer,
    ):
        for rows in source.blocks():
            with source.located_errors(summary.num_rows):
                encoded = model.features.encode(rows)
            unseen.add(rows, encoded)
            columns = model.prediction_columns(encoded)
            for name, predictions in columns.items():
                not_finite[name] += int((~np.isfinite(predictions)).sum())
            kept_columns = {name: rows[name] for name in keep}
            writer.write(
                pa.table(kept_columns | renamed_if_kept(columns, kept_columns))
            )
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


def renamed_if_kept(
    predictions: dict[str, Array], kept_columns: Collection[str]
) -> dict[str, Array]:
    """Renames columns of predictions that have the name of a kept column.

    A task often has the name of its label. If the label is kept, the predictions get
    the longer name that they have in `predictions.parquet`, ending in `_prediction`.

    Raises:
        ConfigError: if a column with this longer name is kept too.
    """
    names = {
        name: prediction_name(name) if name in kept_columns else name
        for name in predictions
    }
    for name in names.values():
        if name in kept_columns:
            raise ConfigError(
                f"--keep: a column of predictions is named '{name}' as well; rename "
                "the column of the table"
            )
    return {names[name]: column for name, column in predictions.items()}


@contextmanager
def opened_table(
    location: Location, keep: Sequence[str], dataset: Dataset, request: ColumnRequest
) -> Iterator[Source]:
    """Opens a table with the columns of the features and, as text, the columns to keep.

    The columns of features have the same types as in training. The ending of the
    table's name tells the format; if it does not, the table has the format of the run's
    data set. The other keys of the data set, such as the delimiter, are always used.
    """
    kept_columns = {column: "--keep" for column in keep if column not in request.keys}
    types = dict.fromkeys(kept_columns, pa.string())
    keys = request.keys | kept_columns
    request = ColumnRequest(keys, request.types | types, settable=request.keys)
    with (
        temporary_folder("mtl-predict-") as folder,
        copied_stdin(location, folder) as table,
    ):
        dataset = with_format_of(dataset, table)
        with named_if_full(folder):
            source = open_source("TABLE", table, dataset, request, folder / "rows")
        yield source


class TableWriter:
    """Writes tables with the same columns to one file, one below the other.

    Args:
        sink: the path of the file, or an open file.
        ending: the key of `WRITERS` that tells the format.
        named_errors: makes a context that names the file in errors of writing.
    """

    def __init__(
        self,
        sink: Any,
        ending: str,
        named_errors: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.sink, self.ending, self.named_errors = sink, ending, named_errors
        self.writer: Any = None  # opened with the schema of the first table

    def write(self, table: pa.Table) -> None:
        """Appends a table. Raises a `ConfigError` if the format cannot hold it."""
        try:
            with self.named_errors():
                if self.writer is None:
                    self.writer = WRITERS[self.ending](self.sink, table.schema)
                self.writer.write_table(table)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ConfigError(
                f"--keep: {self.ending} cannot hold the columns: {first_line(error)}; "
                "keep other columns, or choose another format with -o"
            ) from None

    def close(self) -> None:
        """Writes what is left to write."""
        if self.writer is not None:
            with self.named_errors():
                self.writer.close()


@contextmanager
def opened_target(target: str, may_exist: bool = True) -> Iterator[TableWriter]:
    """Opens a file, or stdout, for predictions."""
    if target == STDOUT:
        writer = TableWriter(sys.stdout.buffer, ".csv", written_to_stdout)
        yield writer
        writer.close()
        return
    ending = Path(target).suffix
    if ending not in WRITERS:
        raise ConfigError(
            f"-o: '{target}' ends in none of {', '.join(WRITERS)}; choose one of these"
        )
    fix = "mend that, and run the command again"
    with replacing(Path(target), fix, may_exist) as path:
        writer = TableWriter(str(path), ending)
        try:
            yield writer
        finally:
            writer.close()
