"""Scores of predictions: split x output x metric, each output on its own rows."""

import json
import math
from pathlib import Path

import numpy as np

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError
from mtl_cli.data.table import Array, StoredTable, Table
from mtl_cli.heads.base import Output
from mtl_cli.metrics.metric import Floats, UndefinedError
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.metrics.scores import Score, Scores
from mtl_cli.tasks.base import Task


def evaluate(
    outputs: list[Output], table: Table | StoredTable, predictions: dict[str, Array]
) -> Scores:
    """Scores every output of a model on the rows that it is defined for.

    Args:
        outputs: the outputs of the model.
        table: rows with labels and weights.
        predictions: the predictions of each output, (rows,) or (rows, classes).

    Returns: the score of each output.
    """
    scores = {}
    # Each attribute is read once: rows on disk are read anew at every access.
    labels, weights, groups = table.labels, table.weights, table.groups
    truths = table.truths
    for output in outputs:
        values = score(
            output.task,
            labels[output.label],
            predictions[output.name],
            weights[output.name],
            groups,
        )
        if output.name in truths:
            prediction = predictions[output.name]
            values["truth_rmse"] = truth_rmse(truths[output.name], prediction)
        space = {} if output.space is None else {"space": f"{output.space} = 1"}
        scores[output.name] = values | space
    return scores


def score(
    task: Task,
    label: Array,
    prediction: Array,
    weight: Array,
    group: Array | None = None,
    names: list[str] | None = None,
) -> Score:
    """Returns metrics on the rows whose weight is above 0.

    Args:
        task: the task whose labels the predictions are compared with.
        label: (rows,).
        prediction: (rows,), probabilities of binary labels; (rows, classes) of
            multiclass ones.
        weight: (rows,), 0 where a row does not count.
        group: (rows,), whole numbers, below 0 where a row has none; None leaves
            grouped metrics out.
        names: names of the metrics to compute; None computes the metrics of the task.

    Returns: each metric by name; `rows`, and `positives` of binary labels; and where
        a metric is None, `why` by name.
    """
    counts = weight > 0
    columns = [np.asarray(x[counts], "float64") for x in (label, prediction, weight)]
    values: Score = {}
    reasons = {}
    for name in names or task.metric_names:
        metric = task.metric(name)
        if metric.grouped and group is None:
            continue
        try:
            check_rows(columns[1])
            groups = [group[counts]] if metric.grouped and group is not None else []
            values[name] = metric(*columns, *groups)
        except UndefinedError as reason:
            values[name] = None
            reasons[name] = str(reason)
    values["rows"] = int(counts.sum())
    if task.BINARY_LABELS:
        values["positives"] = int((columns[0] > 0.5).sum())
    return values | ({"why": reasons} if reasons else {})


def check_rows(prediction: Floats) -> None:
    """Raises an error if there are no rows, or predictions that are no numbers."""
    if not len(prediction):
        raise UndefinedError("no rows")
    wrong = int((~np.isfinite(prediction)).sum())
    if wrong:
        raise UndefinedError(f"{wrong} of {len(prediction)} predictions are no numbers")


def monitored(monitor: str, outputs: list[Output], scores: Scores) -> float | None:
    """Returns the watched metric, turned so that more is better.

    Args:
        monitor: `mean` or a task, and after a point the metric, if not the task's
            first: `mean`, `income`, `mean.log_loss`.
        outputs: the outputs of the model.
        scores: the scores of the validation rows.

    Returns: None if a watched metric is undefined.
    """
    watched_name, _, metric = monitor.partition(".")
    total, watched = 0.0, 0
    for output in outputs:
        if output.added_by_heads or watched_name not in ("mean", output.name):
            continue
        name = metric or output.first_metric
        value = scores[output.name][name]
        if value is None:
            return None
        total += output.task.metric(name).direction * value
        watched += 1
    return total / watched


def read_scores(run: Path, outputs: list[Output]) -> dict[str, Scores]:
    """Reads the `metrics.json` of a finished run; {} of one that checked its data.

    Raises:
        DataError: if it is not as a run of these outputs writes it.
    """
    path = run / "metrics.json"
    try:
        found: dict[str, Scores] = json.loads(path.read_text("utf-8"))
        if not found:
            raise ValueError
        for scores in found.values():
            for output in outputs:
                value = scores[output.name][output.first_metric]
                if value is not None and not abs(value) < math.inf:
                    raise ValueError
    except FileNotFoundError:
        return {}
    except DAMAGED_FILE_ERRORS:
        raise DataError(
            f"{path} is damaged; remove {run}, and the same command runs it again"
        ) from None
    return found
