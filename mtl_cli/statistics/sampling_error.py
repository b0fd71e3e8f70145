"""The sampling error: how much a metric would vary between samples of rows.

The errors of the AUC and of the macro AUC follow from a formula, DeLong's. The errors
of all other metrics are estimated by the bootstrap: the metric is computed on many
samples, drawn from the rows with replacement.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.core.machine import cores
from mtl_cli.metrics.auc import group_aucs
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.statistics.delong import auc_influence, macro_auc_influence, standard_error
from mtl_cli.statistics.significance import quantile

Indices = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

# The number of bootstrap samples. 200 samples give the error to within about 5 %.
RESAMPLES = 200
# The samples are drawn in this many blocks, and threads compute several blocks at once.
# Each block has its own random numbers, so the number of cores changes no sample.
NUM_BLOCKS = 10
MIN_DEFINED = 180  # the number of samples on which the metric must have a value
# Few rows do not show how much rows vary. The bootstrap needs this many rows, or groups
# if the metric is grouped. DeLong's formula needs `MIN_OF_CLASS` rows of each class.
MIN_UNITS = 20
MIN_OF_CLASS = 5
# A bootstrap sample has at most this many rows, to save time. A standard error is
# proportional to 1 / sqrt(rows), so the error on all rows is computed from the error on
# the samples.
MAX_SAMPLE_ROWS = 50_000
# If the samples differ by no more than rounding, they do not show how a metric varies.
# The limit is relative to the value of the metric, or absolute if the value is below 1.
ROUNDING = 1e-13
SEED = 0


class SamplingError(NamedTuple):
    """The error of a metric that comes from the choice of the rows.

    Attributes:
        standard_error: the standard deviation of the metric over samples of rows.
        bias: the mean of the metric over bootstrap samples, minus the metric on all
            rows; 0 for DeLong's formula. If the samples have fewer rows than the data,
            the bias is scaled like the standard error.
        method: `delong` or `bootstrap`.
    """

    standard_error: float
    bias: float
    method: str


class Sample(NamedTuple):
    """A bootstrap sample, drawn from the rows with replacement.

    Attributes:
        rows: the indices of the sampled rows, (sampled rows,).
        group: the group of each sampled row, (sampled rows,); None if single rows, not
            groups, were drawn.
    """

    rows: Indices
    group: Indices | None


# {metric whose error DeLong's formula gives: the function for the influence of rows}.
INFLUENCES = {"auc": auc_influence, "macro_auc": macro_auc_influence}


def sampling_error(
    metric: Metric, columns: list[Floats], group: Array | None = None
) -> SamplingError | None:
    """Estimates the sampling error of a metric.

    Args:
        metric: a metric that has a value on these rows.
        columns: the arguments of the metric: the label, (rows,), the prediction,
            (rows,) or (rows, classes), and the weight, (rows,).
        group: the group of each row, (rows,), if the metric is grouped. The bootstrap
            then draws whole groups instead of rows.

    Returns: the error; None if the error is unknown. The error of an AUC is unknown if
        a class has fewer than `MIN_OF_CLASS` rows, or if the AUC is 0 or 1: the formula
        would then give an error of 0. The error of a grouped metric is unknown without
        groups, or if fewer than `MIN_UNITS` groups have rows of both classes. The error
        of any metric but an AUC is also unknown in the cases of `bootstrap_error`.
    """
    label, prediction, weight = columns
    if metric.name in INFLUENCES:
        _, class_sizes = np.unique(label, return_counts=True)
        if len(class_sizes) < 2 or class_sizes.min() < MIN_OF_CLASS:
            return None
        value, influence = INFLUENCES[metric.name](label, prediction, weight)
        if value in (0, 1):
            return None
        return SamplingError(standard_error(label, influence), 0.0, "delong")
    if prediction.ndim == 1:
        # The rows of each bootstrap sample then come in the order of their predictions,
        # so metrics need not sort them.
        order = np.argsort(prediction, kind="stable")
        columns = [column[order] for column in columns]
        group = None if group is None else group[order]
    if not metric.grouped:
        return bootstrap_error(metric, columns)
    if group is None:
        return None
    label, prediction, weight = columns
    aucs, _ = group_aucs(label, prediction, weight, group)
    if len(aucs) < MIN_UNITS:  # Groups of one class do not count in the metric.
        return None
    return bootstrap_error(metric, columns, group)


def bootstrap_error(
    metric: Callable[..., float], columns: list[Floats], group: Array | None = None
) -> SamplingError | None:
    """Estimates the sampling error of a metric on bootstrap samples.

    Args:
        metric: the metric, a function of the columns, and of the groups if there are
            any.
        columns: the first arguments of the metric, (rows, ...) each.
        group: the group of each row, (rows,), below 0 for rows without a group. If
            there are groups, samples consist of whole groups.

    Returns: the error; None if there are fewer than `MIN_UNITS` rows or groups, if the
        metric has a value on fewer than `MIN_DEFINED` samples, or if all samples give
        the same value. The latter happens if all predictions are of one class.
    """
    num_rows = len(columns[0])
    num_units = num_rows if group is None else len(np.unique(group[group >= 0]))
    if num_units < MIN_UNITS:
        return None
    value = metric(*columns) if group is None else metric(*columns, group)
    values = values_on_samples(metric, columns, group)
    if len(values) < MIN_DEFINED:
        return None
    deviation = np.std(values, ddof=1)
    if deviation <= ROUNDING * max(1.0, abs(value)):
        return None
    bias = np.mean(values) - value
    if group is None:
        fraction = min(1.0, MAX_SAMPLE_ROWS / num_rows)
    else:
        fraction = num_drawn_groups(num_units, num_rows) / num_units
    scale = np.sqrt(fraction)
    return SamplingError(float(scale * deviation), float(scale * bias), "bootstrap")


def values_on_samples(
    metric: Callable[..., float], columns: list[Floats], group: Array | None
) -> list[float]:
    """Returns the metric on each bootstrap sample on which the metric has a value."""
    num_rows = len(columns[0])
    groups = None if group is None else GroupedRows(group)

    def values_of_block(block: int) -> list[float]:
        random = np.random.default_rng([SEED, block])
        values = []
        for _ in range(RESAMPLES // NUM_BLOCKS):
            if groups is None:
                sample = draw_rows(num_rows, random)
            else:
                sample = groups.draw(random)
            arguments: list[Array] = [column[sample.rows] for column in columns]
            if sample.group is not None:
                arguments.append(sample.group)
            with contextlib.suppress(UndefinedError):
                values.append(metric(*arguments))
        return values

    with ThreadPoolExecutor(cores()) as threads:
        return list(
            chain.from_iterable(threads.map(values_of_block, range(NUM_BLOCKS)))
        )


def num_less_frequent(label: Floats) -> int:
    """Returns the number of rows that do not have the most frequent label.

    With two classes, these are the rows of the rarer class. With amounts that are
    mostly 0, these are the rows above 0. A metric varies between samples mainly by
    these rows.
    """
    if not len(label):
        return 0
    _, counts = np.unique(label, return_counts=True)
    return int(len(label) - counts.max())


def draw_rows(num_rows: int, random: np.random.Generator) -> Sample:
    """Draws a bootstrap sample of rows; their indices ascend."""
    indices = random.integers(0, num_rows, min(num_rows, MAX_SAMPLE_ROWS))
    if num_rows > 4 * MAX_SAMPLE_ROWS:  # Counting the draws of all rows would be slow.
        return Sample(np.sort(indices), None)
    num_draws = np.bincount(indices, minlength=num_rows)  # of each row
    return Sample(np.repeat(np.arange(num_rows), num_draws), None)


def num_drawn_groups(num_groups: int, num_rows: int) -> int:
    """Returns the number of groups in each bootstrap sample of whole groups."""
    return max(1, round(min(1.0, MAX_SAMPLE_ROWS / num_rows) * num_groups))


class GroupedRows:
    """Rows of which bootstrap samples of whole groups are drawn."""

    def __init__(self, group: Array) -> None:
        """Sorts the rows by group; the rows of a group keep their order.

        `group` is the group of each row, (rows,). Rows with a group below 0 have no
        group and are left out.
        """
        num_without_group = int((group < 0).sum())
        self.order = np.argsort(group, kind="stable")[num_without_group:]
        _, self.starts, self.sizes = np.unique(
            group[self.order], return_index=True, return_counts=True
        )
        self.num_drawn = num_drawn_groups(len(self.starts), len(group))

    def draw(self, random: np.random.Generator) -> Sample:
        """Draws a sample, sorted by group.

        The groups of the sample are numbered from 0: a group that is drawn twice
        appears as two groups.
        """
        drawn = random.integers(0, len(self.starts), self.num_drawn)
        sizes = self.sizes[drawn]
        new_group = np.repeat(np.arange(self.num_drawn), sizes)
        # The index of a sampled row within its group is the row's index in the sample
        # minus the index of the group's first row in the sample.
        new_starts = np.cumsum(sizes) - sizes
        index_in_group = np.arange(len(new_group)) - new_starts[new_group]
        rows = self.order[self.starts[drawn][new_group] + index_in_group]
        return Sample(rows, new_group)


def interval(value: float, error: SamplingError) -> tuple[float, float]:
    """Returns the two ends of the 95 % interval of a metric.

    DeLong's interval is symmetric around the logit of the AUC, so that its ends stay
    between 0 and 1 (Qin and Hotilovac, Stat. Methods Med. Res. 2008). A bootstrap
    interval is symmetric around the value minus its bias (Davison and Hinkley, 1997,
    section 5.2).
    """
    middle, standard_error = on_symmetric_scale(value, error)
    half_width = quantile(np.inf) * standard_error
    if error.method == "delong":
        low, high = (1 / (1 + np.exp(-middle - sign * half_width)) for sign in (-1, 1))
        return float(low), float(high)
    return middle - error.bias - half_width, middle - error.bias + half_width


def on_symmetric_scale(value: float, error: SamplingError) -> tuple[float, float]:
    """Returns a value and its standard error on a scale on which errors are symmetric.

    For an AUC with an error by DeLong's formula, this is the scale of logits. For all
    other metrics, it is the scale of the metric.
    """
    if error.method != "delong":
        return value, error.standard_error
    # The derivative of the logit is 1 / (value (1 - value)).
    logit = float(np.log(value / (1 - value)))
    return logit, error.standard_error / (value * (1 - value))
