"""Scores of predictions: split x output x metric, each on its own rows."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from mtl_cli.core.errors import DAMAGED, DataError
from mtl_cli.data.table import Array, StoredTable, Table
from mtl_cli.metrics.metrics import METRICS, score
from mtl_cli.tasks.base import Output

Scores = dict[str, dict[str, Any]]


def evaluate(
    outputs: list[Output], table: Table | StoredTable, predictions: dict[str, Array]
) -> Scores:
    """Scores every output of a model on the rows that it is defined for.

    Args:
        outputs: what the model predicts.
        table: rows with labels and weights.
        predictions: by output, (rows,), or (rows, classes).

    Returns: by output, its metrics, see `metrics.score`.
    """
    scores = {}
    # Once each: rows on disk are read anew every time.
    labels, weights, groups = table.labels, table.weights, table.groups
    truths = table.truths
    for output in outputs:
        found = score(
            output.kind,
            labels[output.label],
            predictions[output.name],
            weights[output.name],
            groups,
            output.metrics,
        )
        if output.name in truths:
            found["truth_rmse"] = error_to_truth(
                truths[output.name], predictions[output.name]
            )
        space = {} if output.given is None else {"space": f"{output.given} = 1"}
        scores[output.name] = found | space
    return scores


def error_to_truth(truth: Array, prediction: Array) -> float:
    """Root mean squared error of a probability against the true one, over all rows."""
    return float(np.sqrt(np.mean((prediction.astype("float64") - truth) ** 2)))


def monitored(monitor: str, outputs: list[Output], scores: Scores) -> float | None:
    """Returns the watched metric, turned so that more is better.

    Args:
        monitor: `mean` or a task, and after a point the metric, if not the task's
            first: `mean`, `income`, `mean.log_loss`.
        outputs: of the model.
        scores: of the validation rows.

    Returns: None if a watched metric is undefined.
    """
    who, _, metric = monitor.partition(".")
    total, watched = 0.0, 0
    for output in outputs:
        if output.added or who not in ("mean", output.name):
            continue
        name = metric or output.first_metric
        value = scores[output.name][name]
        if value is None:
            return None
        total += METRICS[output.kind][name].direction * value
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
    except DAMAGED:
        raise DataError(
            f"{path} is damaged; remove {run}, and the same command runs it again"
        ) from None
    return found
