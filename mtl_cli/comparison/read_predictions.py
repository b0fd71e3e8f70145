"""Reads the predictions of a configuration's runs for the rows of a task."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

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


class RunPredictions(NamedTuple):
    """The predictions of one run for the rows on which one task is scored."""

    rows: Rows
    prediction: Floats  # (rows,) or (rows, classes)
    scenarios: npt.NDArray[np.object_] | None  # the name of each row's, (rows,)


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
    first, *others = runs = [
        read_one_seed(configuration.runs[seed], split, task, needs_groups, files)
        for seed in recorded
    ]
    if not all(first.rows.are_same(other.rows) for other in others):
        raise DifferentRowsError("the seeds have different test rows")
    has_classes = first.prediction.ndim == 2
    metrics = [m for m in metrics_named(metric) if m.of_classes == has_classes]
    if not metrics:
        raise UnusableError(f"{metric} needs other labels and predictions")
    by_seed = [run.prediction for run in runs]
    predictions = Predictions(metrics[0], first.rows, by_seed, first.scenarios)
    try:
        mean = predictions.mean
    except (UndefinedError, ValueError, IndexError):
        raise UnusableError(f"{metric} is undefined") from None
    if not np.isclose(mean, np.mean(list(recorded.values())), rtol=1e-6):
        raise UnusableError(f"predictions do not give the {metric} of metrics.json")
    return predictions


def read_one_seed(
    run: Run, split: str, task: str, needs_groups: bool, files: PredictionFiles
) -> RunPredictions:
    """Reads the predictions of a run for the rows on which a task is scored.

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
) -> RunPredictions:
    """Selects the rows on which a task is scored: labelled rows in the task's space.

    Rows of weight 0 are left out.

    Args:
        table: the columns of `predictions.parquet` that were found.
        task: the task.
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
    rows = Rows(table[ROW].to_numpy(), labels, weights, groups).take(is_scored)
    predictions: Any = table[prediction_name(task)].to_numpy()[is_scored]
    if predictions.dtype == object:  # one list of probabilities per row
        predictions = np.stack(list(predictions))
    scenarios = None
    if SCENARIO in table.column_names:
        scenarios = table[SCENARIO].cast("string").to_numpy()[is_scored]
    return RunPredictions(rows, predictions.astype("float64"), scenarios)
