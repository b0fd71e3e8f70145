"""The predictions of a configuration, and the test of two scores over test rows.

The test says whether another test set would rank two configurations in the same order.
The score of a configuration is the metric averaged over seeds. The test rows are a
sample of all possible rows. The test asks how much the difference of two scores would
vary between samples. Both configurations are scored on the same rows: rows that are
hard to predict lower both scores, and most of this effect cancels in the difference.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from mtl_cli.core.prediction_names import SCENARIO
from mtl_cli.metrics.auc import group_aucs
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.statistics.delong import auc_influence, degrees_of_freedom, standard_error
from mtl_cli.statistics.sampling_error import MIN_OF_CLASS, MIN_UNITS, RESAMPLES
from mtl_cli.statistics.significance import Test, t_test


class UnusableError(Exception):
    """The predictions cannot be tested. The message says why."""


class DifferentRowsError(UnusableError):
    """The predictions to compare are for different rows."""


class Rows(NamedTuple):
    """Rows on which a task is scored.

    Attributes:
        row_numbers: the number of each row in the test table, (rows,).
        label: the labels, (rows,).
        weight: the weights, above 0, (rows,).
        group: the number of each row's group, below 0 for no group, (rows,).
        scenario: the name of each row's scenario, (rows,); None if unknown.
    """

    row_numbers: npt.NDArray[np.int64]
    label: Floats
    weight: Floats
    group: npt.NDArray[np.int64]
    scenario: npt.NDArray[np.object_] | None = None

    def take(self, mask: npt.NDArray[np.bool_]) -> "Rows":
        """Returns the rows where `mask`, (rows,), is True."""
        return Rows._make(None if column is None else column[mask] for column in self)

    def are_same(self, other: "Rows") -> bool:
        """Whether two sets of rows have equal row numbers, labels, weights, groups.

        Scenarios are not compared, since a score does not depend on them: the score of
        a scenario is computed from the rows of the scenario alone.
        """
        return all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("row_numbers", "label", "weight", "group")
        )


@dataclass(eq=False)
class Predictions(ABC):
    """The predictions of all seeds of a configuration for one task.

    Each subclass has another way to test the difference of two scores, see
    `make_predictions`.

    Attributes:
        metric: the metric to compute.
        rows: the rows on which the task is scored.
        by_seed: the predictions of each seed, (rows,) or (rows, classes).
    """

    metric: Metric
    rows: Rows
    by_seed: list[Floats]

    def of_scenario(self, name: str) -> Self:
        """Returns the predictions for the rows of a scenario; "" gives all rows.

        Raises:
            UnusableError: if the scenarios of the rows are unknown.
        """
        if not name:
            return self
        if self.rows.scenario is None:
            raise UnusableError(f"predictions.parquet has no column {SCENARIO}")
        mask = self.rows.scenario == name
        by_seed = [prediction[mask] for prediction in self.by_seed]
        return replace(self, rows=self.rows.take(mask), by_seed=by_seed)

    def test(self, other: Self) -> Test:
        """Tests whether the scores of two configurations differ.

        Raises:
            DifferentRowsError: if the predictions are for different rows.
            UnusableError: if the metric is undefined on the rows, or if there are too
                few rows or groups for a test.
        """
        if not self.rows.are_same(other.rows):
            raise DifferentRowsError("the test rows or their weights differ")
        try:
            return self.test_on_same_rows(other)
        except UndefinedError as reason:
            raise UnusableError(f"{self.metric.name} is undefined: {reason}") from None

    @property
    @abstractmethod
    def score(self) -> float:
        """The metric on all rows, averaged over seeds.

        Raises:
            UndefinedError: if the metric is undefined on the rows.
        """

    @abstractmethod
    def test_on_same_rows(self, other: Self) -> Test:
        """Tests whether two scores on the same rows differ.

        Raises:
            UndefinedError: if the metric is undefined on the rows.
            UnusableError: if there are too few rows or groups for a test.
        """


class AucPredictions(Predictions):
    """Predictions whose metric is the AUC, tested by DeLong's formula."""

    @cached_property
    def auc_and_influence(self) -> tuple[float, Floats]:
        """The AUC, and the influence of each row on the AUC, averaged over seeds."""
        label, weight = self.rows.label, self.rows.weight
        total = 0.0
        total_influence = np.zeros(len(label))
        for prediction in self.by_seed:
            auc, influence = auc_influence(label, prediction, weight)
            total += auc
            total_influence += influence
        return total / len(self.by_seed), total_influence / len(self.by_seed)

    @property
    def score(self) -> float:
        return self.auc_and_influence[0]

    def test_on_same_rows(self, other: Self) -> Test:
        _, class_sizes = np.unique(self.rows.label, return_counts=True)
        if len(class_sizes) < 2 or class_sizes.min() < MIN_OF_CLASS:
            raise UnusableError(f"a class has fewer than {MIN_OF_CLASS} test rows")
        difference = self.score - other.score
        influence = self.auc_and_influence[1] - other.auc_and_influence[1]
        error = standard_error(self.rows.label, influence)
        if difference and not error:
            # For example, one model separates the classes, and the other model predicts
            # the same value for all rows.
            raise UnusableError(
                f"DeLong's formula gives the AUCs {self.score:g} and {other.score:g} "
                "an error of 0"
            )
        degrees = degrees_of_freedom(self.rows.label, influence)
        return t_test(difference, error, degrees)


class GroupAucPredictions(Predictions):
    """Predictions whose metric is the group AUC, tested by the formula for a ratio."""

    @cached_property
    def group_aucs_and_weights(self) -> tuple[Floats, Floats]:
        """The AUC of each group, averaged over seeds, and the weight of each group.

        Both arrays are (usable groups,). A group is usable if it has rows of both
        classes.
        """
        rows = self.rows
        results = [
            group_aucs(rows.label, p, rows.weight, rows.group) for p in self.by_seed
        ]
        _, weights = results[0]  # The weights are the same for all seeds.
        return np.mean([aucs for aucs, _ in results], axis=0), weights

    @property
    def score(self) -> float:
        aucs, weights = self.group_aucs_and_weights
        return float(np.average(aucs, weights=weights))

    def test_on_same_rows(self, other: Self) -> Test:
        """Overrides `Predictions.test_on_same_rows`.

        Another test set would have other groups. The difference is a weighted mean over
        the groups. So it is a ratio of two sums, and both sums vary between sets of
        groups. For the standard error of a ratio, see Cochran, Sampling Techniques,
        1977, section 2.11.
        """
        aucs, weights = self.group_aucs_and_weights
        num_groups = len(aucs)
        if num_groups < MIN_UNITS:
            raise UnusableError(
                f"fewer than {MIN_UNITS} groups have rows of both classes"
            )
        differences = aucs - other.group_aucs_and_weights[0]
        mean = float(np.average(differences, weights=weights))
        squares = np.sum((weights * (differences - mean)) ** 2)
        variance_of_sum = num_groups / (num_groups - 1) * squares
        error = float(np.sqrt(variance_of_sum) / weights.sum())
        return t_test(mean, error, num_groups - 1)


class ResampledPredictions(Predictions):
    """Predictions with any other metric, tested by the bootstrap."""

    @cached_property
    def score(self) -> float:
        label, weight = self.rows.label, self.rows.weight
        return float(np.mean([self.metric(label, p, weight) for p in self.by_seed]))

    @cached_property
    def sampled_scores(self) -> Floats:
        """The score on each bootstrap sample of the rows, (samples,).

        The samples depend on the number of rows alone. So the sampled scores of two
        configurations can be subtracted sample by sample.
        """
        label, weight = self.rows.label, self.rows.weight
        rng = np.random.default_rng(0)
        scores = np.empty(RESAMPLES)
        for i in range(RESAMPLES):
            drawn = rng.integers(0, len(label), len(label))
            scores[i] = np.mean(
                [
                    self.metric(label[drawn], p[drawn], weight[drawn])
                    for p in self.by_seed
                ]
            )
        return scores

    def test_on_same_rows(self, other: Self) -> Test:
        num_rows = len(self.rows.label)
        if num_rows < MIN_UNITS:
            raise UnusableError(f"there are fewer than {MIN_UNITS} test rows")
        difference = self.score - other.score
        try:
            sampled_differences = self.sampled_scores - other.sampled_scores
        except UndefinedError:
            raise UnusableError(
                f"{self.metric.name} is undefined on some bootstrap samples of the rows"
            ) from None
        # Few rows vary less than all possible rows, by this factor in the variance.
        error = np.std(sampled_differences, ddof=1) * np.sqrt(num_rows / (num_rows - 1))
        return t_test(difference, float(error), num_rows - 1)


def make_predictions(metric: Metric, rows: Rows, by_seed: list[Floats]) -> Predictions:
    """Makes the `Predictions` whose test fits the metric.

    `gauc`, the group AUC, is the only metric of groups.
    """
    if metric.name == "auc":
        return AucPredictions(metric, rows, by_seed)
    if metric.grouped:
        return GroupAucPredictions(metric, rows, by_seed)
    return ResampledPredictions(metric, rows, by_seed)
