"""Predicts the rows of a table with a saved model, block by block.

The memory does not grow with the table.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mtl_cli.core.atomic_write import temporary_folder
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.locations import Location
from mtl_cli.core.message_text import line_if_any
from mtl_cli.core.prediction_names import prediction_name
from mtl_cli.data.column_request import ColumnRequest, feature_request
from mtl_cli.data.dataset import Dataset
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
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.runs import saved_model
from mtl_cli.runs.table_writer import opened_target


@dataclass
class PredictionSummary:
    """The facts and warnings that `mtl-predict` prints after it has predicted."""

    num_rows: int = 0
    seconds: float = 0.0  # without loading the model
    # A line for each feature with values that no training row has, and a line that
    # names the columns with predictions that are not finite.
    warnings: list[str] = field(default_factory=list)


def predict_files(
    run: Path,
    location: Location,
    target: str,
    keep: Sequence[str] = (),
    on_rows: OnProgress = no_progress,
    constants: Mapping[str, str | None] = {},
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
        constants: {column: value}. Every row is predicted with this value, in place of
            the table's column of this name if there is one.
    """
    model = saved_model.load(run).with_constants(constants, "--set")
    summary, start = PredictionSummary(), time.monotonic()
    dataset = model.config.dataset
    request = feature_request(dataset).without_columns(constants)
    unseen = UnseenValues(model.features)
    num_not_finite = Counter[str]()  # {column: number of predictions}
    with (
        opened_table(location, keep, dataset, request) as source,
        opened_target(target) as writer,
    ):
        for rows, columns in predicted_blocks(model, source, unseen):
            for name, predictions in columns.items():
                num_not_finite[name] += int((~np.isfinite(predictions)).sum())
            kept_columns = {name: rows[name] for name in keep}
            columns = renamed_if_kept(columns, kept_columns)
            writer.write(pa.table(kept_columns | columns))
            summary.num_rows += rows.num_rows
            on_rows(summary.num_rows, source.num_rows)
    summary.seconds = time.monotonic() - start
    summary.warnings = [
        *unseen.warnings(),
        *line_if_any(
            "some predictions are not finite; look for huge numbers in the features of "
            f"these rows (predictions among {summary.num_rows:,} rows)",
            [f"{name} ({count:,})" for name, count in num_not_finite.items() if count],
        ),
    ]
    return summary


def predict_location(
    model: TrainedModel,
    location: Location,
    request: ColumnRequest,
    unseen: UnseenValues,
) -> dict[str, Array]:
    """Predicts every row of a table; see `predict_files` for `location`.

    Returns: {name of a column: predictions, (rows,)}.
    """
    with opened_table(location, (), model.config.dataset, request) as source:
        blocks = [columns for _, columns in predicted_blocks(model, source, unseen)]
    return {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}


def predicted_blocks(
    model: TrainedModel, source: Source, unseen: UnseenValues
) -> Iterator[tuple[pa.Table, dict[str, Array]]]:
    """Yields blocks of rows with their predictions, {column: (rows,)}.

    Each block is added to `unseen`.
    """
    num_rows = 0
    for rows in source.blocks():
        with source.located_errors(num_rows):
            encoded = model.features.encode(rows)
        unseen.add(rows, encoded)
        yield rows, model.prediction_columns(encoded)
        num_rows += rows.num_rows


def renamed_if_kept(
    predictions: dict[str, Array], kept_columns: Collection[str]
) -> dict[str, Array]:
    """Renames columns of predictions that have the name of a kept column.

    A task often has the name of its label. If the label is kept, the predictions get
    the longer name that they have in `predictions.parquet`, ending in `_prediction`.
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
    """Opens a table with the columns of the features and the columns to keep.

    The columns of features have the same types as in training, except that each kept
    column of a text file is read as text, so that its cells are written as they are.
    The ending of the table's name tells the format; without such an ending, the table
    has the format of the run's data set. Other keys of the data set, such as the
    delimiter, are always used.
    """
    keys = dict.fromkeys(keep, "--keep") | request.keys
    types = request.types | dict.fromkeys(keep, pa.string())
    request = replace(request, keys=keys, types=types)
    with (
        temporary_folder("mtl-predict-") as folder,
        copied_stdin(location, folder) as table,
    ):
        dataset = with_format_of(dataset, table)
        yield open_source(
            "TABLE", table, dataset, request, folder / "rows", may_be_empty=True
        )
