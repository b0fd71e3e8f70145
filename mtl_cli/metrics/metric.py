"""The class of metrics, and the decorator that turns a function into a metric.

The function takes the `label`, `prediction` and `weight` of the rows to score: float64
arrays of shape (rows,), but see `Metric.of_classes`. The function returns the value of
the metric, or raises `UndefinedError` with the reason why these rows have no value.

To add a metric, write its function in this package, decorate it with `@metric`, and add
it to the `METRICS` of a task class.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.integer[Any]]  # the number of each row's group
Function = Callable[..., float]


class UndefinedError(Exception):
    """A metric has no value on these rows; the message says why."""


@dataclass(frozen=True)
class Metric:
    """A metric. Calling it calls its function.

    Attributes:
        name: the name in configurations and `metrics.json`.
        function: the function that computes the metric.
        direction: 1 if more is better, -1 if less is better, 0 if neither is better, as
            for `pcoc`, whose best value is 1.
        grouped: whether the function takes a fourth argument, the group of each row,
            (rows,).
        of_classes: whether the metric is for multiclass tasks: `label` is then the
            index of each row's class, and `prediction` the probability of each class,
            (rows, classes).
    """

    name: str
    function: Function
    direction: int
    grouped: bool = False
    of_classes: bool = False

    def __call__(self, *columns: npt.NDArray[np.generic]) -> float:
        """Returns the metric's value, a finite number.

        Raises:
            UndefinedError: if the rows have no value, or only an infinite value.
        """
        with np.errstate(over="ignore"):  # if finite predictions are huge
            value = self.function(*columns)
        if not math.isfinite(value):
            raise UndefinedError("predictions are too large for this metric")
        return value


def metric(
    direction: int,
    *,
    name: str | None = None,
    grouped: bool = False,
    of_classes: bool = False,
) -> Callable[[Function], Metric]:
    """Turns the decorated function into a `Metric`, whose attributes the arguments are.

    The default name is the name of the function.
    """

    def decorate(function: Function) -> Metric:
        metric_name = name or function.__name__
        return Metric(metric_name, function, direction, grouped, of_classes)

    return decorate


def check_labels_differ(label: Floats) -> None:
    """Raises an `UndefinedError` if all labels are equal."""
    if label.min() == label.max():
        raise UndefinedError(f"all {len(label)} labels are {label[0]:g}")
