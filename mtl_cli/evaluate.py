"""Scores of predictions: split x output x metric, each on its own rows."""

from typing import Any

import numpy as np

from mtl_cli.data.table import Array, Table
from mtl_cli.metrics import METRICS, score
from mtl_cli.tasks import Output

Scores = dict[str, dict[str, Any]]


def evaluate(
    outputs: list[Output], table: Table, predictions: dict[str, Array]
) -> Scores:
    """Scores every output of a model on the rows that it is defined for.

    Args:
        outputs: what the model predicts.
        table: rows with labels and weights.
        predictions: by output, (rows,).

    Returns: by output, its metrics, see `metrics.score`.
    """
    return {
        output.name: score(
            output.kind,
            table.labels[output.label],
            predictions[output.name],
            weight_of(output, table),
        )
        for output in outputs
    }


def weight_of(output: Output, table: Table) -> Array:
    """Returns what each row counts in an output's metrics, 0 where it does not."""
    weight = table.weights[output.label]
    if output.given is None:
        return weight
    given = (table.labels[output.given] == 1) & (table.weights[output.given] > 0)
    return np.asarray(weight * given)


def monitored(monitor: str, outputs: list[Output], scores: Scores) -> float | None:
    """Returns the watched metric, turned so that more is better.

    Args:
        monitor: `mean` or a task, and after a point the metric, if not its kind's
            first: `mean`, `income`, `mean.log_loss`.
        outputs: of the model.
        scores: of the validation rows.

    Returns: None if a watched metric is undefined.
    """
    who, _, metric = monitor.partition(".")
    total, watched = 0.0, 0
    for output in outputs:
        if output.given is not None or who not in ("mean", output.name):
            continue
        known = METRICS[output.kind]
        name = metric or next(iter(known))
        value = scores[output.name][name]
        if value is None:
            return None
        total += known[name].direction * value
        watched += 1
    return total / watched
