"""The class of metrics, and the decorator that turns a function into a metric.

The function takes the `label`, `prediction` and `weight` of the rows to score: float64
arrays of shape (rows,), or the arrays that the flags of `Metric` name. It returns the
value of the metric, or raises `UndefinedError` with the reason why there is no value.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.integer[Any]]  # the number of each row's group
MetricFunction = Callable[..., float]

ROUNDING = 1e-6  # a computed value may pass `low` or `high` by a rounding error


class UndefinedError(Exception):
    """A metric has no value on these rows; the message says why."""


@dataclass(frozen=True)
class Metric:
    """A metric: a function of the rows to score, with its name and its properties.

    Calling the metric calls the function.

    Attributes:
        name: the name in configurations and `metrics.json`.
        function: the function that computes the metric.
        direction: 1 if more is better, -1 if less is better, 0 if neither is better.
            For example, `pcoc` has 0, because its best value is 1.
        grouped: whether the function takes a fourth argument, the group of each row,
            (rows,), below 0 for rows without a group. Without a `dataset.group_column`,
            the metric is not computed.
        several_predictions: whether the metric is for tasks with several predictions
            per row, such as the probabilities of classes. `prediction` then has the
            shape (rows, num_predictions). If the task has classes, `label` is the index
            of each row's class.
        ordered: whether the value depends on the order of the classes. Runs that list
            the classes in different orders are then not compared.
        low: the lowest possible value.
        high: the highest possible value.
    """

    name: str
    function: MetricFunction
    direction: int
    grouped: bool = False
    several_predictions: bool = False
    ordered: bool = False
    low: float = -math.inf
    high: float = math.inf

    def is_possible(self, value: float) -> bool:
        """Whether a recorded value can be a value of this metric."""
        return self.low - ROUNDING <= value <= self.high + ROUNDING

    def __call__(self, *columns: npt.NDArray[np.generic]) -> float:
        """Returns the metric's value, or raises an `UndefinedError`."""
        # Huge predictions give an infinite value. The variance of tiny labels is 0.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            # JSON holds no numbers of NumPy, such as the mean of float32 values.
            value = float(self.function(*columns))
        if not math.isfinite(value):
            raise UndefinedError(f"the value of this metric is {value}")
        return value


def metric(
    direction: int,
    *,
    name: str | None = None,
    grouped: bool = False,
    several_predictions: bool = False,
    ordered: bool = False,
    low: float = -math.inf,
    high: float = math.inf,
) -> Callable[[MetricFunction], Metric]:
    """Turns the decorated function into a `Metric`.

    The arguments become the attributes of the metric, see `Metric`. The default name is
    the name of the function.
    """
    if callable(direction):
        raise TypeError("write @metric(direction=1), not @metric")

    def decorate(function: MetricFunction) -> Metric:
        metric_name = function.__name__ if name is None else name
        flags = grouped, several_predictions, ordered
        return Metric(metric_name, function, direction, *flags, low, high)

    return decorate


def check_labels_differ(label: Floats) -> None:
    """Raises an `UndefinedError` if all labels, (rows,), are equal."""
    if label.min() == label.max():
        raise UndefinedError(f"all {len(label)} labels are {label[0]:g}")
