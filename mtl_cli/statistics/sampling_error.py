"""The sampling error: how much a metric would vary between samples of rows.

The errors of the AUC and of the macro AUC follow from a formula, DeLong's. The errors
of all other metrics are estimated by the bootstrap: the metric is computed on many
samples, drawn from the rows with replacement. If the rows have groups, whole groups are
drawn, see `sampling_units`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from mtl_cli.core.machine import num_cores
from mtl_cli.metrics.auc import group_aucs
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.statistics.delong import (
    auc_influence,
    error_and_degrees,
    macro_auc_influence,
)
from mtl_cli.statistics.sampling_units import SamplingUnits, sampling_units
from mtl_cli.statistics.significance import quantile

Array = npt.NDArray[Any]
Result = TypeVar("Result")

# The number of bootstrap samples. 200 samples give the error to within about 5 %.
RESAMPLES = 200
# The samples are drawn in this many blocks, and threads compute several blocks at once.
# Each block has its own random numbers, so the number of cores changes no sample.
NUM_BLOCKS = 10
MIN_DEFINED = 180  # the number of samples on which the metric must have a value
# Few rows do not show how much rows vary. The bootstrap needs this many rows, or groups
# if the rows have groups. DeLong's formula needs `MIN_OF_CLASS` rows of each class, or
# groups with rows of each class.
MIN_UNITS = 20
MIN_OF_CLASS = 5
# A bootstrap sample has at most this many rows, to save time. The error on all rows is
# computed from that on the samples: it is proportional to 1 / sqrt(rows).
MAX_SAMPLE_ROWS = 50_000
# If the samples differ by no more than rounding, they do not show how a metric varies.
# The limit is relative to the value of the metric, or absolute if the value is below 1.
ROUNDING = 1e-13
SEED = 0


class SamplingError(NamedTuple):
    """The error of a metric that comes from the choice of the rows.

    Attributes:
        bias: the mean of the metric over bootstrap samples, minus the metric on all
            rows; 0 for DeLong's formula. If the samples have fewer rows than the data,
            the bias is scaled like the standard error.
        method: `delong` or `bootstrap`.
        degrees_of_freedom: infinity, unless the rows have groups.
        limits: the lowest and the highest possible value of the metric.
    """

    standard_error: float
    bias: float
    method: str
    degrees_of_freedom: float = np.inf
    limits: tuple[float, float] = (-np.inf, np.inf)


# {metric whose error DeLong's formula gives: the function for the influence of rows}.
INFLUENCES = {"auc": auc_influence, "macro_auc": macro_auc_influence}


def sampling_error(
    metric: Metric, columns: list[Floats], group: Array | None = None
) -> SamplingError | None:
    """Estimates the sampling error of a metric; None if it is unknown.

    Args:
        metric: a metric that has a value on these rows.
        columns: the label, (rows,), the prediction, (rows,) or (rows, classes), and the
            weight, (rows,).
        group: the group of each row, (rows,), below 0 for rows without a group; None if
            the data set has no groups.
    """
    if metric.name in INFLUENCES:
        return delong_error(metric, columns, group)
    if metric.grouped:
        return error_over_groups(metric, columns, group)
    prediction = columns[1]
    if prediction.ndim == 1:
        # The rows of each bootstrap sample then come in the order of their predictions,
        # so metrics need not sort them.
        order = np.argsort(prediction, kind="stable")
        columns = [column[order] for column in columns]
        group = None if group is None else group[order]
    return bootstrap_error(metric, columns, group)


def error_over_groups(
    metric: Metric, columns: list[Floats], group: Array | None
) -> SamplingError | None:
    if group is None:
        return None
    label, prediction, weight = columns
    num_aucs = None
    if metric.name == "gauc":
        num_aucs = len(group_aucs(label, prediction, weight, group)[0])
        if num_aucs < MIN_UNITS:  # Groups of one class do not count in the metric.
            return None
    # Rows that are sorted by group and prediction need not be sorted in each sample.
    keys = (prediction, group) if prediction.ndim == 1 else (group,)
    order = np.lexsort(keys)
    order = order[(group < 0).sum() :]  # Rows without a group come first.
    group = group[order]
    if len(np.unique(group)) < MIN_UNITS:
        return None
    columns = [*(column[order] for column in columns), group]
    error = bootstrap_error(metric, columns, group, is_grouped=True)
    if error is None or num_aucs is None:
        return error
    return error._replace(degrees_of_freedom=num_aucs - 1)


def delong_error(
    metric: Metric, columns: list[Floats], group: Array | None
) -> SamplingError | None:
    """Estimates the error of a metric in `INFLUENCES`, see `sampling_error`.

    For an AUC of 0 or 1, the formula would give an error of 0.
    """
    label, prediction, weight = columns
    units = sampling_units(len(label), group)
    if smallest_class(label, units) < MIN_OF_CLASS:
        return None
    value, influence = INFLUENCES[metric.name](label, prediction, weight)
    if value in (0, 1):
        return None
    error, degrees = error_and_degrees(label, influence, units)
    return SamplingError(error, 0.0, "delong", np.inf if units.are_rows else degrees)


def smallest_class(label: Floats, units: SamplingUnits) -> int:
    """Returns the number of units with rows of the rarest class; 0 for one class."""
    sizes = [units.num_with(label == c) for c in np.unique(label)]
    return min(sizes) if len(sizes) > 1 else 0


def bootstrap_error(
    metric: Metric,
    columns: list[Array],
    group: Array | None = None,
    is_grouped: bool = False,
) -> SamplingError | None:
    """Estimates the sampling error of a metric.

    If `is_grouped`, the last column is the group: a group that is drawn twice then
    counts as two groups.

    Returns: the error; None if there are fewer than `MIN_UNITS` rows or groups, if the
        metric has a value on fewer than `MIN_DEFINED` samples, or if all samples give
        the same value, for instance because all predictions are of one class.
    """
    num_rows = len(columns[0])
    units = sampling_units(num_rows, group)
    if units.num < MIN_UNITS:
        return None
    num_drawn = max(1, round(min(1.0, MAX_SAMPLE_ROWS / num_rows) * units.num))
    value = metric(*columns)
    values = values_on_samples(metric, columns, units, num_drawn, is_grouped)
    if len(values) < MIN_DEFINED:
        return None
    deviation = np.std(values, ddof=1)
    if deviation <= ROUNDING * max(1.0, abs(value)):
        return None
    scale = np.sqrt(num_drawn / units.num)
    bias = float(scale * (np.mean(values) - value))
    degrees = np.inf if units.are_rows else units.num - 1
    limits = metric.low, metric.high
    return SamplingError(float(scale * deviation), bias, "bootstrap", degrees, limits)


def values_on_samples(
    metric: Metric,
    columns: list[Array],
    units: SamplingUnits,
    num_drawn: int,
    is_grouped: bool = False,
) -> list[float]:
    """Returns the metric on each bootstrap sample on which the metric has a value."""

    def value_on_sample(random: np.random.Generator) -> float | None:
        if is_grouped:
            rows, group = units.draw_copies(num_drawn, random)
            sample = [*(column[rows] for column in columns[:-1]), group]
        else:
            rows = units.draw(num_drawn, random)
            sample = [column[rows] for column in columns]
        try:
            return metric(*sample)
        except UndefinedError:
            return None

    units.sort_rows()  # once, not in each thread
    return [v for v in map_samples(value_on_sample) if v is not None]


def map_samples(function: Callable[[np.random.Generator], Result]) -> list[Result]:
    """Returns the results of a function for the random numbers of each sample.

    The samples differ, but are the same in each call.
    """

    def results_of_block(block: int) -> list[Result]:
        random = np.random.default_rng([SEED, block])
        return [function(random) for _ in range(RESAMPLES // NUM_BLOCKS)]

    with ThreadPoolExecutor(num_cores()) as threads:
        return list(chain(*threads.map(results_of_block, range(NUM_BLOCKS))))


def interval(value: float, error: SamplingError) -> tuple[float, float]:
    """Returns the two ends of the 95 % interval of a metric.

    DeLong's interval is symmetric around the logit of the AUC, so that its ends stay
    between 0 and 1 (Qin and Hotilovac, Stat. Methods Med. Res. 2008). A bootstrap
    interval is symmetric around the value minus its bias (Davison and Hinkley, 1997,
    section 5.2), up to the limits of the metric. Of groups, it follows Student's t.
    """
    middle, standard_error = on_symmetric_scale(value, error)
    half_width = quantile(error.degrees_of_freedom) * standard_error
    ends = np.array([middle - half_width, middle + half_width]) - error.bias
    if error.method == "delong":
        ends = 1 / (1 + np.exp(-ends))
    low, high = np.clip(ends, *error.limits)
    return float(low), float(high)


def on_symmetric_scale(value: float, error: SamplingError) -> tuple[float, float]:
    """Returns a value and its standard error on a scale on which errors are symmetric.

    For DeLong's formula, this is the scale of logits, else the scale of the metric.
    """
    if error.method != "delong":
        return value, error.standard_error
    # The derivative of the logit is 1 / (value (1 - value)).
    logit = float(np.log(value / (1 - value)))
    return logit, error.standard_error / (value * (1 - value))


def num_less_frequent(label: Floats, group: Array | None = None) -> int:
    """Returns the number of rows that do not have the most frequent label.

    With two classes, these are the rows of the rarer class. With amounts that are
    mostly 0, these are the rows above 0. A metric varies between samples mainly by
    these rows. If the rows have groups, the groups with such rows count.
    """
    if not len(label):
        return 0
    labels, counts = np.unique(label, return_counts=True)
    is_less_frequent = label != labels[counts.argmax()]
    return sampling_units(len(label), group).num_with(is_less_frequent)
