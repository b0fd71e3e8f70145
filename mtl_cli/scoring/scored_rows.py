"""The rows on which an output is scored, and its metrics on them with intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mtl_cli.data.table import Array, StoredTable, Table
from mtl_cli.heads.base import Output
from mtl_cli.metrics.calibration import calibration_buckets
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.metrics.scores import Score
from mtl_cli.scoring.scores import score
from mtl_cli.statistics.sampling_error import (
    SamplingError,
    has_quick_error,
    interval,
    sampling_error,
)


@dataclass(frozen=True)
class ScoredRows:
    """The rows that count for an output: labelled, in the space, of weight above 0.

    Attributes:
        output: the output that is scored.
        label: the labels, (rows,).
        prediction: the predictions, (rows,) or (rows, classes).
        weight: the weights, (rows,).
        group: the group of each row, (rows,); None without groups.
        rows: the number of each row in the table, (rows,).
    """

    output: Output
    label: Floats
    prediction: Floats
    weight: Floats
    group: Array | None
    rows: Array

    def take(self, mask: Array) -> "ScoredRows":
        """Returns the rows that a mask selects."""
        group = None if self.group is None else self.group[mask]
        columns = self.label[mask], self.prediction[mask], self.weight[mask]
        return ScoredRows(self.output, *columns, group, self.rows[mask])

    def score(self, names: list[str] | None = None) -> Score:
        """Returns some metrics, or all metrics of the output, and the row counts."""
        columns = self.label, self.prediction, self.weight
        return score(self.output.task, *columns, self.group, names)

    def error(self, name: str) -> SamplingError | None:
        """Returns the sampling error of a metric that has a value on these rows."""
        metric = self.output.task.metric(name)
        columns = [self.label, self.prediction, self.weight]
        return sampling_error(metric, columns, self.group)

    @property
    def has_quick_error(self) -> bool:
        """Whether the error of the main metric needs no bootstrap."""
        return has_quick_error(self.main_metric, self.weight)

    @property
    def smaller_class(self) -> int:
        """The number of rows of the smaller class.

        Tasks without positives count as tasks with two equally large classes.
        """
        rows = len(self.label)
        positives = rows // 2
        if self.output.task.BINARY_LABELS:
            positives = int((self.label > 0.5).sum())
        return min(positives, rows - positives)

    @property
    def main_metric(self) -> Metric:
        """The metric that stands for the output: the first one with a best value."""
        metrics = map(self.output.task.metric, self.output.task.metric_names)
        has_groups = self.group is not None
        usable = [m for m in metrics if m.direction and (has_groups or not m.grouped)]
        return usable[0] if usable else self.output.task.METRICS[0]

    def calibration(self) -> dict[str, Any] | None:
        """Returns mean prediction and label of all rows, and of each bucket of the ECE.

        Predictions and labels are in the unit of the label. In a multiclass task, each
        class has a prediction and a label of its own: class against all other classes.

        Returns: None without rows, or if a prediction is no number.
        """
        if not len(self.label) or not np.isfinite(self.prediction).all():
            return None
        columns = self.output.task.calibration_rows(
            self.label, self.prediction, self.weight
        )
        predicted, actual, weights = calibration_buckets(*columns)
        # With several classes, both means are 1 / classes, and the ratio says nothing.
        has_ratio = self.prediction.ndim == 1 and float(actual @ weights) != 0
        mean_predicted, mean_actual = (
            float(np.average(x, weights=weights)) for x in (predicted, actual)
        )
        return {
            "predicted": mean_predicted,
            "actual": mean_actual,
            "ratio": mean_predicted / mean_actual if has_ratio else None,
            "error": float(np.average(np.abs(predicted - actual), weights=weights)),
            "buckets": {"predicted": predicted.tolist(), "actual": actual.tolist()},
        }


def scored_rows(
    output: Output, table: Table | StoredTable, predictions: Array
) -> ScoredRows:
    """Returns the rows on which an output is scored.

    Args:
        output: the output.
        table: the rows, with labels, weights and groups.
        predictions: the predictions of the output, (rows,) or (rows, classes).
    """
    # A stored table reads its columns from disk at each access, so access each once.
    weight, groups = table.metric_weights[output.name], table.groups
    rows = np.flatnonzero(weight > 0)
    label, prediction, weight = (
        np.asarray(x[rows], "float64")
        for x in (table.labels[output.label], predictions, weight)
    )
    group = None if groups is None else groups[rows]
    return ScoredRows(output, label, prediction, weight, group, rows)


def metric_with_interval(
    rows: ScoredRows, name: str, value: float | None
) -> dict[str, Any]:
    """Returns a metric's value, the ends of its 95 % interval, and their method.

    The ends are None if the rows are too few to know them.
    """
    error = None if value is None else rows.error(name)
    if value is None or error is None:
        return {"value": value, "low": None, "high": None, "method": None}
    low, high = interval(value, error)
    return {"value": value, "low": low, "high": high, "method": error.method}
