"""The form of a metric: a function of labels, predictions and weights, and a direction.

A metric's function takes `label`, `prediction` and `weight`, float64 (rows,), of the
rows that count. The function returns a number, or raises `UndefinedError` with the
reason why the metric has no value. To add a metric, write its function in this package,
decorate it with `@metric`, and name it in the `METRICS` of a kind of tasks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Function = Callable[..., float]


class UndefinedError(Exception):
    """A metric has no value on these rows; the message says why."""


@dataclass(frozen=True)
class Metric:
    """A metric, called as its function is.

    Attributes:
        name: the name in configurations and `metrics.json`.
        function: computes the metric.
        direction: 1 if more is better, -1 if less is better, 0 if the best value lies
            in the middle.
        grouped: whether the function takes each row's group as a fourth argument.
        of_classes: whether predictions are (rows, classes).
    """

    name: str
    function: Function
    direction: int
    grouped: bool = False
    of_classes: bool = False

    def __call__(self, *columns: npt.NDArray[np.generic]) -> float:
        """Returns the metric's value."""
        return self.function(*columns)


def metric(
    direction: int,
    *,
    name: str | None = None,
    grouped: bool = False,
    of_classes: bool = False,
) -> Callable[[Function], Metric]:
    """Makes a `Metric` of a function; its name is the function's unless given."""

    def decorate(function: Function) -> Metric:
        label = name or function.__name__
        return Metric(label, function, direction, grouped, of_classes)

    return decorate
