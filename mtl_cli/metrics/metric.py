"""Metrics: functions of labels, predictions and weights, and whether more is better.

A metric's function takes the `label`, `prediction` and `weight` of the rows to score,
float64 (rows,) each. It returns the metric's value, or raises `UndefinedError` with the
reason why the metric has no value on these rows. To add a metric, write its function in
this package, decorate it with `@metric`, and name it in the `METRICS` of a task class.
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
    """A metric. Calling it calls its function.

    Attributes:
        name: the name in configurations and `metrics.json`.
        function: the function that computes the metric.
        direction: 1 if more is better, -1 if less is better, 0 if values above and
            below the best value are worse.
        grouped: whether the function takes each row's group as a fourth argument,
            whole numbers (rows,).
        of_classes: whether `prediction` has the probabilities of several classes,
            (rows, classes).
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
    """Turns the decorated function into a `Metric`.

    The arguments are attributes of `Metric`; without `name`, the metric has the name of
    the function.
    """

    def decorate(function: Function) -> Metric:
        metric_name = name or function.__name__
        return Metric(metric_name, function, direction, grouped, of_classes)

    return decorate
