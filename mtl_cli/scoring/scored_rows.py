"""The rows on which an output is scored, and the metrics on these rows."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.metrics.calibration import calibration_buckets
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.metrics.score_dict import Score
from mtl_cli.pages.line_plots import LinePlot
from mtl_cli.scoring.scores import prediction_problem, score
from mtl_cli.statistics.sampling_error import (
    INFLUENCES,
    SamplingError,
    interval,
    num_less_frequent,
    sampling_error,
)


class CalibrationSummary(TypedDict):
    """Mean predictions beside mean labels, in the unit of the label.

    Attributes:
        predicted: the mean prediction of all rows; None with several classes, because
            their mean is always 1 / classes.
        actual: the mean label of all rows; None with several classes.
        ratio: predicted / actual; None if one of them is None or `actual` is 0.
        error: the expected calibration error.
        buckets: {"predicted": mean predictions, "actual": mean labels}, lists with one
            mean for each bucket of the metric `ece`.
    """

    predicted: float | None
    actual: float | None
    ratio: float | None
    error: float
    buckets: dict[str, list[float]]


@dataclass(frozen=True)
class ScoredRows:
    """The rows on which an output is scored.

    These rows have a label and a weight above 0. If the output has a `space`, such as
    `click`, only rows where the space is 1 count.

    Attributes:
        prediction: the predictions, (rows,) or (rows, classes).
        group: the group of each row, (rows,); None if the data set has no groups.
        row_indices: the index of each row in the table, (rows,).
    """

    output: Output
    label: Floats
    prediction: Floats
    weight: Floats
    group: Array | None
    row_indices: Array

    def take(self, rows: Array) -> "ScoredRows":
        columns = self.label[rows], self.prediction[rows], self.weight[rows]
        group = None if self.group is None else self.group[rows]
        return ScoredRows(self.output, *columns, group, self.row_indices[rows])

    def score(self, names: list[str] | None = None) -> Score:
        columns = self.label, self.prediction, self.weight
        return score(self.output.task, *columns, self.group, names=names)

    def sampling_error(self, name: str) -> SamplingError | None:
        """Returns the sampling error of a metric that has a value on these rows.

        The error is estimated once: a bootstrap of many rows takes seconds.
        """
        if name not in self._sampling_errors:
            metric = self.output.task.metric(name)
            columns = [self.label, self.prediction, self.weight]
            self._sampling_errors[name] = sampling_error(metric, columns, self.group)
        return self._sampling_errors[name]

    @cached_property
    def _sampling_errors(self) -> dict[str, SamplingError | None]:
        return {}

    def plots(self) -> list[LinePlot]:
        if prediction_problem(self.prediction):
            return []
        return self.output.task.plots(self.label, self.prediction, self.weight)

    @property
    def has_quick_error_formula(self) -> bool:
        """Whether no slow bootstrap estimates the sampling error of the main metric."""
        return self.main_metric.name in INFLUENCES

    @property
    def smaller_class_size(self) -> int:
        """The number of rows of the rarer class.

        If there are more than two different labels, the most frequent label and all
        other labels count as two classes, such as the amount 0 and the amounts above 0.
        If most labels are different, half of the rows count as a class.
        """
        return min(len(self.label) // 2, num_less_frequent(self.label))

    @property
    def main_metric(self) -> Metric:
        """The metric by which slices and features are judged.

        The main metric is the first metric of the task that has a direction (higher or
        lower is better). If the rows have no groups, grouped metrics are skipped. If no
        metric is left, the main metric is the first metric of the kind of task.
        """
        metrics = map(self.output.task.metric, self.output.task.metric_names)
        has_groups = self.group is not None
        usable = [m for m in metrics if m.direction and (has_groups or not m.grouped)]
        return usable[0] if usable else self.output.task.METRICS[0]

    @property
    def main_direction(self) -> int:
        """1 if a higher main metric is better, -1 if a lower main metric is better."""
        # Only the task of a plugin can have a main metric without a direction.
        return self.main_metric.direction or 1

    def calibration(self) -> CalibrationSummary | None:
        """Compares mean prediction and mean label, on all rows and in each bucket.

        Returns None if there are no rows, if a prediction is not finite, or if a row
        has several predictions that are not the probabilities of classes.
        """
        if prediction_problem(self.prediction):
            return None
        rows = self.output.task.calibration_rows(
            self.label, self.prediction, self.weight
        )
        if rows is None:
            return None
        predicted, actual, weights = calibration_buckets(*rows)  # (buckets,) each
        error = float(np.average(np.abs(predicted - actual), weights=weights))
        mean_predicted = mean_actual = ratio = None
        if self.prediction.ndim == 1:
            mean_predicted = float(np.average(predicted, weights=weights))
            mean_actual = float(np.average(actual, weights=weights))
            ratio = mean_predicted / mean_actual if mean_actual else None
        return {
            "predicted": mean_predicted,
            "actual": mean_actual,
            "ratio": ratio,
            "error": error,
            "buckets": {"predicted": predicted.tolist(), "actual": actual.tolist()},
        }


def scored_rows(output: Output, table: Table, predictions: Array) -> ScoredRows:
    """Selects the rows on which an output is scored: rows whose weight is above 0."""
    # A stored table reads its columns from disk at each access, so access each once.
    weights, groups = table.metric_weights[output.name], table.groups
    row_indices = np.flatnonzero(weights > 0)
    return ScoredRows(
        output=output,
        label=np.asarray(table.labels[output.label][row_indices], "float64"),
        prediction=np.asarray(predictions[row_indices], "float64"),
        weight=np.asarray(weights[row_indices], "float64"),
        group=None if groups is None else groups[row_indices],
        row_indices=row_indices,
    )


def metric_with_interval(
    rows: ScoredRows, name: str, value: float | None
) -> dict[str, Any]:
    error = None if value is None else rows.sampling_error(name)
    return value_with_interval(value, error)


def value_with_interval(
    value: float | None, error: SamplingError | None
) -> dict[str, Any]:
    """Returns a metric's value, and its 95 % interval from `low` to `high`.

    The `method` is `delong` or `bootstrap`. All but `value` are None if the value or
    its error is unknown.
    """
    if value is None or error is None:
        return {"value": value, "low": None, "high": None, "method": None}
    low, high = interval(value, error)
    return {"value": value, "low": low, "high": high, "method": error.method}
