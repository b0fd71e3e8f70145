"""The subclasses of `Predictions`: one for AUC, group AUC, and all other metrics."""

from functools import cached_property
from typing import Self

import numpy as np

from mtl_cli.comparison.predictions import (
    Predictions,
    Rows,
    TooFewRowsError,
    UnusableError,
)
from mtl_cli.metrics.auc import group_aucs
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.statistics.delong import auc_influence, degrees_of_freedom, standard_error
from mtl_cli.statistics.sampling_error import (
    MIN_OF_CLASS,
    MIN_UNITS,
    RESAMPLES,
    num_less_frequent,
)
from mtl_cli.statistics.significance import DifferenceTest, t_test


class AucPredictions(Predictions):
    """Predictions whose metric is the AUC, tested by DeLong's formula."""

    @cached_property
    def auc_and_influence(self) -> tuple[float, Floats]:
        """The AUC and each row's influence on the AUC, averaged over replicates."""
        label, weight = self.rows.label, self.rows.weight
        total = 0.0
        total_influence = np.zeros(len(label))
        for prediction in self.by_replicate:
            auc, influence = auc_influence(label, prediction, weight)
            total += auc
            total_influence += influence
        return total / len(self.by_replicate), total_influence / len(self.by_replicate)

    @property
    def score(self) -> float:
        return self.auc_and_influence[0]

    def test_on_same_rows(self, other: Self) -> DifferenceTest:
        label, units = self.rows.label, self.units
        class_sizes = [units.num_with(label == c) for c in np.unique(label)]
        if len(class_sizes) < 2 or min(class_sizes) < MIN_OF_CLASS:
            raise TooFewRowsError(
                f"a class has fewer than {MIN_OF_CLASS} {self.units_text}"
            )
        auc, influence = self.auc_and_influence
        other_auc, other_influence = other.auc_and_influence
        difference = auc - other_auc
        influence_on_difference = influence - other_influence
        error = standard_error(label, influence_on_difference, units)
        if difference and not error:
            # For example, one model separates the classes, and the other model predicts
            # the same value for all rows.
            raise UnusableError(
                f"DeLong's formula gives the AUCs {auc:g} and {other_auc:g} an error "
                "of 0"
            )
        degrees = degrees_of_freedom(label, influence_on_difference, units)
        return t_test(difference, error, degrees)


class GroupAucPredictions(Predictions):
    """Predictions whose metric is the group AUC, tested by the formula for a ratio."""

    @cached_property
    def group_aucs_and_weights(self) -> tuple[Floats, Floats]:
        """The AUC of each group, averaged over replicates, and the group's weight.

        Both arrays are (usable groups,). A group is usable if it has rows of both
        classes.
        """
        rows = self.rows
        aucs_by_replicate = []
        for prediction in self.by_replicate:
            # The weights are the same for all replicates.
            aucs, weights = group_aucs(rows.label, prediction, rows.weight, rows.group)
            aucs_by_replicate.append(aucs)
        return np.mean(aucs_by_replicate, axis=0), weights

    @property
    def score(self) -> float:
        aucs, weights = self.group_aucs_and_weights
        return float(np.average(aucs, weights=weights))

    def test_on_same_rows(self, other: Self) -> DifferenceTest:
        # Another test set would have other groups. The difference is a weighted mean
        # over the groups: the sum of weight times difference, divided by the sum of
        # weights. Both sums vary between sets of groups. For the standard error of such
        # a ratio, see Cochran, Sampling Techniques, 1977, section 2.11.
        aucs, weights = self.group_aucs_and_weights
        num_groups = len(aucs)
        if num_groups < MIN_UNITS:
            raise TooFewRowsError(
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
        return float(
            np.mean([self.metric(label, p, weight) for p in self.by_replicate])
        )

    @cached_property
    def sampled_scores(self) -> Floats:
        """The score on each bootstrap sample of the rows or groups, (samples,).

        The samples depend on the units alone. So the sampled scores of two
        configurations can be subtracted sample by sample.
        """
        label, weight = self.rows.label, self.rows.weight
        rng = np.random.default_rng(0)
        scores = np.empty(RESAMPLES)
        for i in range(RESAMPLES):
            drawn = self.units.draw(self.units.num, rng)
            scores[i] = np.mean(
                [
                    self.metric(label[drawn], p[drawn], weight[drawn])
                    for p in self.by_replicate
                ]
            )
        return scores

    def test_on_same_rows(self, other: Self) -> DifferenceTest:
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


def make_predictions(
    metric: Metric, rows: Rows, by_replicate: list[Floats]
) -> Predictions:
    """Makes the `Predictions` whose test fits the metric."""
    if metric.name == "auc":
        return AucPredictions(metric, rows, by_replicate)
    if metric.name == "gauc":
        return GroupAucPredictions(metric, rows, by_replicate)
    if metric.grouped:
        raise UnusableError(f"no test fits {metric.name}, a metric of groups")
    return ResampledPredictions(metric, rows, by_replicate)
