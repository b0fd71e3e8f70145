"""Reads the predictions of a configuration's runs from their `predictions.parquet`."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.label_columns import label_values
from mtl_cli.comparison.prediction_files import PredictionFiles
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
    prediction_name,
    weight_name,
)
from mtl_cli.heads.esmm import label_of_output
from mtl_cli.metrics.metric import Floats, UndefinedError
from mtl_cli.tasks.base import metrics_named


def read_predictions(
    configuration: Configuration,
    split: str,
    task: str,
    metric: str,
    files: PredictionFiles,
) -> Predictions:
    """Reads the predictions of all seeds of a configuration, and checks them.

    The metric is computed from the predictions and compared with the metric in
    `metrics.json`. The two values differ if rows have weights and the run is of an
    earlier version, whose `predictions.parquet` does not contain the weights.

    Raises:
        DifferentRowsError: if the seeds have different rows.
        UnusableError: if predictions are missing or damaged, or if the metric needs
            groups that `predictions.parquet` does not contain, is undefined, or differs
            from the metric in `metrics.json`.
    """
    recorded = configuration.values(split, task, metric)
    if not recorded:
        raise UnusableError(f"{metric} is undefined")
    is_grouped = any(m.grouped for m in metrics_named(metric))
    columns = [
        read_columns(configuration.runs[seed], split, task, is_grouped, files)
        for seed in recorded
    ]
    (rows, first_prediction, scenarios), *others = columns
    for other_rows, *_ in others:
        if not rows.are_same(other_rows):
            raise DifferentRowsError("the seeds have different test rows")
    has_classes = first_prediction.ndim == 2
    metrics = [m for m in metrics_named(metric) if m.of_classes == has_classes]
    if not metrics:
        raise UnusableError(f"{metric} needs other labels and predictions")
    by_seed = [prediction for _, prediction, _ in columns]
    predictions = Predictions(metrics[0], rows, by_seed, scenarios)
    try:
        mean = predictions.mean
    except (UndefinedError, ValueError, IndexError):
        raise UnusableError(f"{metric} is undefined") from None
    if not np.isclose(mean, np.mean(list(recorded.values())), rtol=1e-6):
        if configuration.settings.get("dataset.weight_column", "null") != "null":
            raise UnusableError(
                "the rows have weights, which predictions.parquet does not hold"
            )
        raise UnusableError(f"predictions do not give the {metric} of metrics.json")
    return predictions


def read_columns(
    run: Run, split: str, task: str, with_groups: bool, files: PredictionFiles
) -> tuple[Rows, Floats, npt.NDArray[np.object_] | None]:
    """Reads the rows on which a task is scored: labelled rows in the task's space.

    Rows of weight 0 are left out.

    Args:
        run: the run.
        split: the split that was scored.
        task: the task.
        with_groups: whether to read the groups of the rows too.
        files: the files of all runs.

    Returns: the rows; the predictions, (rows,) or (rows, classes); and the name of each
        row's scenario, (rows,), or None if the file has no scenarios.

    Raises:
        UnusableError: if the file is missing or damaged, or lacks a column.
    """
    import pyarrow as pa

    # The space is a text such as "click = 1", and "click" is a column of the file.
    space = str(run.score(split, task).get("space") or "").partition(" = ")[0]
    requested = {ROW, task, label_of_output(task), prediction_name(task), space}
    requested.add(weight_name(task))
    requested |= {GROUP} if with_groups else set()
    requested |= {SCENARIO} if "scenarios" in run.score(split, task) else set()
    try:
        table = files.read(run.path, requested)
        # The output `buy_given_click`, for example, has the label `buy`.
        label_name = task if task in table.column_names else label_of_output(task)
        needed = [ROW, label_name, prediction_name(task), *([space] if space else [])]
        needed += [GROUP] if with_groups else []
        for name in needed:
            if name not in table.column_names:
                raise UnusableError(f"predictions.parquet has no column {name}")
        labels = label_values(run, label_name, table[label_name])
        is_scored = np.isfinite(labels)
        if space:
            is_scored &= table[space].to_numpy() == 1
        weights = np.ones(len(labels))
        if weight_name(task) in table.column_names:
            weights = np.asarray(table[weight_name(task)].to_numpy(), "float64")
            is_scored &= np.isfinite(weights) & (weights > 0)
        predictions: Any = table[prediction_name(task)].to_numpy()
        predictions = predictions[is_scored]
        if predictions.dtype == object:  # one list of probabilities per row
            predictions = np.stack(list(predictions))
        predictions = predictions.astype("float64")
        groups = np.full(len(labels), -1)
        if with_groups:
            groups = table[GROUP].cast(pa.int64()).fill_null(-1).to_numpy()
        scenarios = None
        if SCENARIO in requested and SCENARIO in table.column_names:
            scenarios = table[SCENARIO].cast("string").to_numpy()[is_scored]
    except FileNotFoundError:
        raise UnusableError("a run has no predictions.parquet") from None
    except DAMAGED_FILE_ERRORS:
        raise UnusableError("a predictions.parquet is damaged") from None
    rows = Rows(table[ROW].to_numpy(), labels, weights, groups).take(is_scored)
    return rows, predictions, scenarios
