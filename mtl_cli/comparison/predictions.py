"""The predictions of a configuration, and the test of two scores over test rows.

The test says whether another test set would rank two configurations in the same order.
The score of a configuration is the metric averaged over its replicates: seeds, or days
of a line. The test rows are a sample of all possible rows, and the test asks how much
the difference of two scores would vary between such samples. Both configurations must
be scored on the same rows. Rows that are hard to predict lower both scores, so most of
this effect cancels in the difference. If the rows have groups, such as users, the test
takes samples of groups.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from mtl_cli.core.prediction_names import SCENARIO
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.statistics.sampling_error import (
    MIN_OF_CLASS,
    MIN_UNITS,
    map_samples,
    num_less_frequent,
)
from mtl_cli.statistics.sampling_units import SamplingUnits, sampling_units
from mtl_cli.statistics.significance import DifferenceTest, t_test


class UnusableError(Exception):
    """The predictions cannot be tested. The message says why."""


class TooFewRowsError(UnusableError):
    """There are too few rows, or groups, for a test."""


class DifferentRowsError(UnusableError):
    """The predictions to compare are for different rows."""


class Rows(NamedTuple):
    """Rows on which a task is scored, (rows,) each."""

    row_numbers: npt.NDArray[np.int64]  # in the test table
    label: Floats
    weight: Floats  # above 0
    group: npt.NDArray[np.int64]  # the index of a row's group; below 0 for no group
    scenario: npt.NDArray[np.object_] | None = None  # names; None if unknown
    class_name: npt.NDArray[np.object_] | None = None  # None if labels are no classes

    def take(self, mask: npt.NDArray[np.bool_]) -> "Rows":
        """Returns the rows where `mask`, (rows,), is True."""
        return Rows._make(None if column is None else column[mask] for column in self)

    def are_same(self, other: "Rows", *, compare_groups: bool) -> bool:
        """Whether two sets of rows have equal row numbers, labels and weights.

        Classes are compared by their names, because each run may list the classes in
        another order. Scenarios are not compared: no score depends on them.
        """
        if self.class_name is None or other.class_name is None:
            have_same_labels = np.array_equal(self.label, other.label)
        else:
            have_same_labels = np.array_equal(self.class_name, other.class_name)
        return (
            have_same_labels
            and np.array_equal(self.row_numbers, other.row_numbers)
            and np.array_equal(self.weight, other.weight)
            and (
                not compare_groups
                or np.array_equal(first_rows(self), first_rows(other))
            )
        )


def first_rows(rows: Rows) -> npt.NDArray[np.int64]:
    """Returns the index of the first row of each row's group; -1 without a group.

    The numbers of groups differ between all rows and the rows of one scenario alone,
    because each run numbers the groups of its own rows.
    """
    _, first, index_of_group = np.unique(
        rows.group, return_index=True, return_inverse=True
    )
    return np.where(rows.group < 0, -1, first[index_of_group])


class SortedRows:
    """Rows that are sorted by their prediction, so that no sample need be sorted.

    The arguments are (rows,) each, or the prediction is (rows, classes). Predictions of
    classes have no order, and their rows stay as they are.
    """

    def __init__(self, label: Floats, prediction: Floats, weight: Floats) -> None:
        is_sortable = prediction.ndim == 1
        order = np.argsort(prediction, kind="stable") if is_sortable else slice(None)
        self.order = order
        self.columns = label[order], prediction[order], weight[order]

    def score(self, metric: Metric, num_draws: npt.NDArray[np.int64]) -> float:
        """Returns a metric on a sample that has each row `num_draws` times, (rows,)."""
        rows = np.repeat(np.arange(len(num_draws)), num_draws[self.order])
        return metric(*(column[rows] for column in self.columns))


@dataclass(eq=False)
class Predictions:
    """The predictions of all replicates of a configuration for one task.

    Two scores are tested by the bootstrap. The subclasses in `predictions_by_metric`
    test metrics for which there is a formula.
    """

    metric: Metric
    rows: Rows
    by_replicate: list[Floats]  # (rows,) or (rows, classes) each

    def of_scenario(self, name: str) -> Self:
        """Returns the predictions for the rows of a scenario; "" gives all rows."""
        if not name:
            return self
        if self.rows.scenario is None:
            raise UnusableError(f"predictions.parquet has no column {SCENARIO}")
        mask = self.rows.scenario == name
        by_replicate = [prediction[mask] for prediction in self.by_replicate]
        return replace(self, rows=self.rows.take(mask), by_replicate=by_replicate)

    def with_groups(self, group: npt.NDArray[np.int64]) -> Self:
        if np.array_equal(self.rows.group, group):
            return self
        return replace(self, rows=self.rows._replace(group=group))

    @cached_property
    def units(self) -> SamplingUnits:
        """The groups of the rows, or each row if the rows have no groups."""
        return sampling_units(len(self.rows.label), self.rows.group)

    @property
    def units_text(self) -> str:
        """The name of the units in messages: `test rows` or `groups of test rows`."""
        return "test rows" if self.units.are_rows else "groups of test rows"

    def test(self, other: Self) -> DifferenceTest:
        """Tests whether the scores of two configurations differ.

        Raises:
            DifferentRowsError: if the predictions are for different rows.
            TooFewRowsError: if there are too few rows or groups for a test.
            UnusableError: if there is no test for another reason, for example because
                the metric is undefined on the rows.
        """
        if not self.rows.are_same(other.rows, compare_groups=self.metric.grouped):
            raise DifferentRowsError("the test rows or their weights differ")
        if self.metric.ordered and not np.array_equal(
            self.rows.label, other.rows.label
        ):
            raise DifferentRowsError("the classes have different ranks")
        # The two configurations may have different settings of `group_column`. The test
        # then takes the groups of `self` or, if `self` has none, the groups of `other`.
        has_groups = (self.rows.group >= 0).any()
        group = self.rows.group if has_groups else other.rows.group
        try:
            return self.with_groups(group).test_on_same_rows(other.with_groups(group))
        except UndefinedError as reason:
            raise UnusableError(f"{self.metric.name} is undefined: {reason}") from None

    @cached_property
    def score(self) -> float:
        """The metric on all rows, averaged over replicates.

        Raises:
            UndefinedError: if the metric is undefined on the rows.
        """
        label, weight = self.rows.label, self.rows.weight
        return fmean(self.metric(label, p, weight) for p in self.by_replicate)

    @cached_property
    def sampled_scores(self) -> Floats:
        """The score on each bootstrap sample of the rows or groups, (samples,).

        The samples depend on the units alone. So the sampled scores of two
        configurations can be subtracted sample by sample.
        """
        label, weight = self.rows.label, self.rows.weight
        replicates = [SortedRows(label, p, weight) for p in self.by_replicate]

        def score_on_sample(random: np.random.Generator) -> float:
            num_draws = self.units.count_draws(self.units.num, random)
            return fmean(rows.score(self.metric, num_draws) for rows in replicates)

        return np.array(map_samples(score_on_sample))

    def test_on_same_rows(self, other: Self) -> DifferenceTest:
        """Tests whether two scores on the same rows, in the same groups, differ.

        Raises:
            UndefinedError, UnusableError: as for `score` and `test`.
        """
        num_units = self.units.num
        if num_units < MIN_UNITS:
            raise TooFewRowsError(f"there are fewer than {MIN_UNITS} {self.units_text}")
        num_informative = num_less_frequent(self.rows.label, self.rows.group)
        if num_informative < MIN_OF_CLASS:
            raise TooFewRowsError(
                f"fewer than {MIN_OF_CLASS} {self.units_text} have another label than "
                "the most frequent label"
            )
        difference = self.score - other.score
        try:
            sampled_differences = self.sampled_scores - other.sampled_scores
        except UndefinedError:
            raise UnusableError(
                f"{self.metric.name} is undefined on some bootstrap samples of the rows"
            ) from None
        # The variance over bootstrap samples of n rows or groups is too small by the
        # factor (n - 1) / n.
        correction = np.sqrt(num_units / (num_units - 1))
        error = np.std(sampled_differences, ddof=1) * correction
        degrees = min(num_informative, num_units - 1)
        return t_test(difference, float(error), degrees)
