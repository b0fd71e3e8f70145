"""Reads the predictions of a configuration's runs for the rows of a task."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.prediction_files import PredictionFiles, label_values
from mtl_cli.comparison.predictions import (
    DifferentRowsError,
    Predictions,
    Rows,
    UnusableError,
)
from mtl_cli.comparison.runs import Run
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.prediction_names import (
    GROUP,
    ROW,
    SCENARIO,
    label_of_output,
    prediction_name,
    weight_name,
)
from mtl_cli.metrics.metric import Floats, UndefinedError
from mtl_cli.tasks.base import metrics_named

if TYPE_CHECKING:
    import pyarrow as pa


def read_all_seeds(
    configuration: Configuration,
    split: str,
    task: str,
    metric: str,
    files: PredictionFiles,
) -> Predictions:
    """Reads the predictions of all seeds of a configuration, and checks them.

    The metric is computed from the predictions and compared with the metric in
    `metrics.json`.

    Raises:
        DifferentRowsError: if the seeds have different rows.
        UnusableError: if predictions are missing or damaged, or if the metric needs
            groups that `predictions.parquet` does not contain, is undefined, or differs
            from the metric in `metrics.json`.
    """
    recorded = configuration.values(split, task, metric)
    if not recorded:
        raise UnusableError(f"{metric} is undefined")
    needs_groups = any(m.grouped for m in metrics_named(metric))
    runs = [
        read_one_seed(configuration.runs[seed], split, task, needs_groups, files)
        for seed in recorded
    ]
    (rows, prediction), *_ = runs
    if not all(rows.are_same(other_rows) for other_rows, _ in runs):
        raise DifferentRowsError("the seeds have different test rows")
    has_classes = prediction.ndim == 2
    metrics = [m for m in metrics_named(metric) if m.multiclass == has_classes]
    if not metrics:
        raise UnusableError(f"{metric} needs other labels and predictions")
    predictions = Predictions(metrics[0], rows, [by_row for _, by_row in runs])
    try:
        mean = predictions.mean
    except (UndefinedError, ValueError, IndexError):
        raise UnusableError(f"{metric} is undefined") from None
    if not np.isclose(mean, np.mean(list(recorded.values())), rtol=1e-6):
        raise UnusableError(f"predictions do not give the {metric} of metrics.json")
    return predictions


def read_one_seed(
    run: Run, split: str, task: str, needs_groups: bool, files: PredictionFiles
) -> tuple[Rows, Floats]:
    """Reads the rows on which a task is scored, and the predictions of a run for them.

    The predictions are (rows,) or (rows, classes).

    Raises:
        UnusableError: if the file is missing or damaged, or lacks a column.
    """
    score = run.score(split, task)
    # The space is a text such as "click = 1", and "click" is a column of the file.
    space = str(score.get("space") or "").partition(" = ")[0]
    required = [ROW, prediction_name(task)]
    required += [space] if space else []
    required += [GROUP] if needs_groups else []
    optional = [task, label_of_output(task), weight_name(task)]
    optional += [SCENARIO] if "scenarios" in score else []
    try:
        table = files.read(run.path, {*required, *optional})
        # The output `buy_given_click`, for example, has the label `buy`.
        label_name = task if task in table.column_names else label_of_output(task)
        for name in (label_name, *required):
            if name not in table.column_names:
                raise UnusableError(f"predictions.parquet has no column {name}")
        labels = label_values(run, label_name, table[label_name])
        return scored_predictions(table, task, labels, space)
    except FileNotFoundError:
        raise UnusableError("a run has no predictions.parquet") from None
    except DAMAGED_FILE_ERRORS:
        raise UnusableError("a predictions.parquet is damaged") from None


def scored_predictions(
    table: "pa.Table", task: str, labels: Floats, space: str
) -> tuple[Rows, Floats]:
    """Selects the rows on which a task is scored: labelled rows in the task's space.

    Rows of weight 0 are left out.

    Args:
        table: the columns of `predictions.parquet` that were found.
        labels: the labels of the task; NaN if a label is missing.
        space: the column that is 1 for the rows in the task's space; "" for all rows.
    """
    import pyarrow as pa

    is_scored = np.isfinite(labels)
    if space:
        is_scored &= table[space].to_numpy() == 1
    weights = np.ones(len(labels))
    if weight_name(task) in table.column_names:
        weights = np.asarray(table[weight_name(task)].to_numpy(), "float64")
        is_scored &= np.isfinite(weights) & (weights > 0)
    groups = np.full(len(labels), -1)
    if GROUP in table.column_names:
        groups = table[GROUP].cast(pa.int64()).fill_null(-1).to_numpy()
    scenarios = None
    if SCENARIO in table.column_names:
        scenarios = table[SCENARIO].cast("string").to_numpy()
    rows = Rows(table[ROW].to_numpy(), labels, weights, groups, scenarios)
    predictions: Any = table[prediction_name(task)].to_numpy()[is_scored]
    if predictions.dtype == object:  # one list of probabilities per row
        predictions = np.stack(list(predictions))
    return rows.take(is_scored), predictions.astype("float64")
