"""Reads the predictions of a configuration's runs for the test rows of a task.

A run writes predictions for its test rows only, see `prediction_files`.

The space of a task is the set of rows on which the task is scored. For example, the
space of a purchase after a click is written "click = 1".
"""

from typing import TYPE_CHECKING

import numpy as np

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.prediction_files import (
    PredictionFiles,
    class_names,
    label_values,
)
from mtl_cli.comparison.predictions import (
    DifferentRowsError,
    Predictions,
    Rows,
    UnusableError,
)
from mtl_cli.comparison.predictions_by_metric import make_predictions
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
from mtl_cli.data.table import NO_GROUP
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.runs.predictions_file import prediction_array
from mtl_cli.tasks._metrics import metrics_named

if TYPE_CHECKING:
    import pyarrow as pa


def read_all_replicates(
    configuration: Configuration, task: str, metric: str, files: PredictionFiles
) -> Predictions:
    """Reads the predictions of all replicates of a configuration, and checks them.

    Raises:
        DifferentRowsError: if the replicates have different rows.
        UnusableError: if predictions are missing or damaged, or if the metric cannot be
            computed from them, or differs from the metric in `metrics.json`.
    """
    recorded = configuration.scores_by_replicate("test", task, metric)
    if not recorded:
        raise UnusableError(f"{metric} is undefined")
    needs_groups = any(namesake.grouped for namesake in metrics_named(metric))
    replicates = [
        read_one_run(configuration.runs[key], task, files, needs_groups=needs_groups)
        for key in recorded
    ]
    rows, first_prediction = replicates[0]
    if not all(rows.are_same(r, compare_groups=needs_groups) for r, _ in replicates):
        raise DifferentRowsError("the seeds have different test rows")
    fitting_metric = metric_for_shape(metric, first_prediction)
    predictions = make_predictions(fitting_metric, rows, [p for _, p in replicates])
    check_score(predictions, list(recorded.values()))
    return predictions


def metric_for_shape(name: str, prediction: Floats) -> Metric:
    """Returns the metric with this name that can be computed from predictions.

    There may be two: the `log_loss` of binary tasks takes one prediction per row, and
    the `log_loss` of multiclass tasks takes several.
    """
    for metric in metrics_named(name):
        if metric.several_predictions == (prediction.ndim == 2):
            return metric
    raise UnusableError(f"predictions.parquet does not hold predictions for {name}")


def check_score(predictions: Predictions, recorded: list[float]) -> None:
    """Checks that predictions give the metric of each replicate in `metrics.json`."""
    metric = predictions.metric.name
    try:
        score = predictions.score
    except (UndefinedError, ValueError, IndexError):
        # Damaged labels, such as classes that do not exist, raise one of the last two.
        raise UnusableError(f"{metric} is undefined") from None
    if not np.isclose(score, np.mean(recorded), rtol=1e-6):
        raise UnusableError(f"predictions do not give the {metric} of metrics.json")


def read_one_run(
    run: Run, task: str, files: PredictionFiles, *, needs_groups: bool
) -> tuple[Rows, Floats]:
    """Reads the rows on which a task is scored, and the predictions of a run for them.

    Returns: the rows; and the predictions, (rows,) or (rows, classes).
    """
    space_column = column_of_space(run, task)
    required = [ROW, prediction_name(task)]
    required += [space_column] if space_column else []
    required += [GROUP] if needs_groups else []
    optional = [task, label_of_output(task), weight_name(task), GROUP]
    if "scenarios" in run.score("test", task):
        optional.append(SCENARIO)
    try:
        table = files.read(run.path, {*required, *optional})
        # The output `buy_given_click`, for example, has the label `buy`.
        label_name = task if task in table.column_names else label_of_output(task)
        for name in (label_name, *required):
            if name not in table.column_names:
                raise UnusableError(f"predictions.parquet has no column {name}")
        labels = label_values(run, label_name, table[label_name])
        rows, predictions = scored_predictions(table, task, labels, space_column)
        if predictions.ndim == 2:
            names = class_names(run, label_name, rows.label)
            rows = rows._replace(class_name=names)
    except FileNotFoundError:
        raise UnusableError("a run has no predictions.parquet") from None
    except DAMAGED_FILE_ERRORS:
        raise UnusableError("a predictions.parquet is damaged") from None
    if not len(rows.label):
        raise UnusableError("a predictions.parquet has no scored rows")
    return rows, predictions


def column_of_space(run: Run, task: str) -> str:
    """Returns the column that is 1 for the rows in a task's space.

    This is "click" if the space is "click = 1", and "" if the space is all rows.
    """
    space = run.score("test", task).get("space")
    return str(space or "").partition(" = ")[0]


def scored_predictions(
    table: "pa.Table", task: str, labels: Floats, space_column: str
) -> tuple[Rows, Floats]:
    """Selects the rows on which a task is scored, and the predictions for these rows.

    A scored row has a label, lies in the task's space and has a finite weight above 0.
    `labels` are (rows,), with NaN for a missing label; `space_column` is the result of
    `column_of_space`.
    """
    import pyarrow as pa

    is_scored = np.isfinite(labels)
    if space_column:
        is_scored &= table[space_column].to_numpy() == 1
    weights = np.ones(len(labels))
    if weight_name(task) in table.column_names:
        weights = np.asarray(table[weight_name(task)].to_numpy(), "float64")
        is_scored &= np.isfinite(weights) & (weights > 0)
    groups = np.full(len(labels), NO_GROUP)
    if GROUP in table.column_names:
        groups = table[GROUP].cast(pa.int64()).fill_null(NO_GROUP).to_numpy()
    scenarios = None
    if SCENARIO in table.column_names:
        scenarios = table[SCENARIO].cast("string").to_numpy()
    rows = Rows(table[ROW].to_numpy(), labels, weights, groups, scenarios)
    predictions = table[prediction_name(task)].to_numpy()[is_scored]
    return rows.take(is_scored), prediction_array(predictions)
