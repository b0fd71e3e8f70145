"""How far a metric would be from its value on other rows of the same kind.

The AUC has DeLong's variance, and so has the macro AUC, the mean of several AUCs. The
other metrics are computed on bootstrap samples.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.statistics.delong import delong_parts, macro_auc_influence
from mtl_cli.statistics.significance import quantile

Rows = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

RESAMPLES = 200  # enough to know a standard error to within 5 %
MIN_DEFINED = 180  # of the samples, on which the metric must have a value
# Fewer rows, or groups, do not show how much they vary.
MIN_ROWS = 20
MIN_OF_CLASS = 5
# Samples of a larger table have this many rows; an error falls with the root of the
# number of rows, so the error on all rows follows from the error on fewer.
MAX_SAMPLE_ROWS = 50_000
SEED = 0


class SamplingError(NamedTuple):
    """The error of a metric because the rows are a sample.

    Attributes:
        deviation: the standard error.
        bias: the mean amount by which the metric is too high; 0 for DeLong.
        method: `delong` or `bootstrap`.
    """

    deviation: float
    bias: float
    method: str


def sampling_error(
    metric: Metric, columns: list[Floats], group: Array | None = None
) -> SamplingError | None:
    """Returns the error of a metric.

    Args:
        metric: the metric. It must have a value on these rows.
        columns: the arguments of the metric: label, prediction, weight; (rows,) each,
            predictions of classes (rows, classes).
        group: the group of each row, (rows,), for a grouped metric. The bootstrap
            then draws groups, not rows.

    Returns: None if the rows are too few: the error of an AUC needs 5 rows of each
        class; a bootstrap needs 20 rows or groups, and samples on which the metric has
        a value.
    """
    if len(columns) > 2 and has_quick_error(metric, columns[2]):
        return DELONG_ERRORS[metric.name](columns[0], columns[1])
    if metric.grouped:
        if group is None:
            return None
        return bootstrap_error(metric, columns, group)
    return bootstrap_error(metric, columns)


def has_quick_error(metric: Metric, weight: Floats) -> bool:
    """Whether the error of a metric is known without a bootstrap.

    Args:
        metric: the metric.
        weight: the weight of each row, (rows,).
    """
    return metric.name in DELONG_ERRORS and bool((weight == weight[:1]).all())


def delong_error(label: Floats, prediction: Floats) -> SamplingError | None:
    """Returns the error of an AUC.

    Returns: None if a class has fewer than 5 rows, or the AUC is 0 or 1: the rows then
        do not show how much it varies.
    """
    positives, negatives = delong_parts(label, [prediction])
    rows_of_class = min(len(positives), len(negatives))
    if rows_of_class < MIN_OF_CLASS or positives.mean() in (0, 1):
        return None
    variance = positives.var(ddof=1) / len(positives)
    variance += negatives.var(ddof=1) / len(negatives)
    return SamplingError(float(np.sqrt(variance)), 0.0, "delong")


def macro_delong_error(label: Floats, prediction: Floats) -> SamplingError | None:
    """Returns the error of a macro AUC, with the numbers of rows of classes unknown.

    The influences of rows vary within a class and, since a class is a larger or smaller
    part of the other rows in another sample, between classes. With two classes the
    error is DeLong's.

    Returns: None if a class that occurs has fewer than 5 rows, or the macro AUC is 0 or
        1.
    """
    classes, counts = np.unique(label, return_counts=True)
    if counts.min() < MIN_OF_CLASS:
        return None
    influence = macro_auc_influence(label, prediction)
    by_class = [influence[label == number] for number in classes]
    variance = sum(len(x) * (x.var(ddof=1) + x.mean() ** 2) for x in by_class)
    if variance == 0:
        return None
    return SamplingError(float(np.sqrt(variance)), 0.0, "delong")


# The metrics whose errors follow from the contributions of single rows.
DELONG_ERRORS = {"auc": delong_error, "macro_auc": macro_delong_error}


def bootstrap_error(
    metric: Callable[..., float], columns: list[Floats], group: Array | None = None
) -> SamplingError | None:
    """Returns the error of a metric on samples of rows, or of whole groups.

    Returns: None if the rows or groups are fewer than 20, or the metric has no value on
        some samples.
    """
    units = np.arange(len(columns[0])) if group is None else np.unique(group)
    if np.count_nonzero(units >= 0) < MIN_ROWS:
        return None
    value = metric(*columns) if group is None else metric(*columns, group)
    values = []
    draws = row_draws(len(columns[0])) if group is None else group_draws(group)
    for rows, *new_group in draws:
        try:
            values.append(metric(*(column[rows] for column in columns), *new_group))
        except UndefinedError:
            continue
    if len(values) < MIN_DEFINED:
        return None
    scale = np.sqrt(min(1.0, MAX_SAMPLE_ROWS / len(columns[0])))
    deviation, bias = np.std(values, ddof=1), np.mean(values) - value
    return SamplingError(float(scale * deviation), float(scale * bias), "bootstrap")


def row_draws(num_rows: int) -> Iterator[tuple[Rows]]:
    """Yields the row numbers of each bootstrap sample."""
    random = np.random.default_rng(SEED)
    for _ in range(RESAMPLES):
        yield (random.integers(0, num_rows, min(num_rows, MAX_SAMPLE_ROWS)),)


def group_draws(group: Array) -> Iterator[tuple[Rows, Rows]]:
    """Yields the row numbers and the groups of each bootstrap sample of whole groups.

    A group that is drawn twice becomes two groups.

    Args:
        group: the group of each row, (rows,); rows below 0 have none and are left out.
    """
    random = np.random.default_rng(SEED)
    order = np.argsort(group, kind="stable")[int((group < 0).sum()) :]
    _, starts, sizes = np.unique(group[order], return_index=True, return_counts=True)
    share = min(1.0, MAX_SAMPLE_ROWS / len(group))
    num_groups = max(1, round(share * len(starts)))
    for _ in range(RESAMPLES):
        drawn = random.integers(0, len(starts), num_groups)
        new_group = np.repeat(np.arange(num_groups), sizes[drawn])
        first = np.cumsum(sizes[drawn]) - sizes[drawn]  # of each group in the sample
        position = np.arange(len(new_group)) - first[new_group]
        yield order[starts[drawn][new_group] + position], new_group


def interval(value: float, error: SamplingError) -> tuple[float, float]:
    """Returns the ends of the 95 % interval of a metric.

    The interval of an AUC is symmetric in its logit, so that it stays within 0 and 1
    (Qin and Hotilovac, Stat. Methods Med. Res. 2008). A bootstrap interval is normal
    around the value minus its bias (Davison and Hinkley, 1997, section 5.2).
    """
    reach = quantile(np.inf) * error.deviation
    if error.method == "delong":
        logit = np.log(value / (1 - value))
        reach /= value * (1 - value)
        low, high = (1 / (1 + np.exp(-logit - sign * reach)) for sign in (-1, 1))
        return float(low), float(high)
    return value - error.bias - reach, value - error.bias + reach
