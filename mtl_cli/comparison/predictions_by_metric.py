"""Predictions whose metric is the AUC or the group AUC, tested by a formula."""

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
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.statistics.delong import auc_influence, error_and_degrees
from mtl_cli.statistics.sampling_error import MIN_OF_CLASS, MIN_UNITS, smallest_class
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

    @cached_property
    def score(self) -> float:
        return self.auc_and_influence[0]

    def test_on_same_rows(self, other: Self) -> DifferenceTest:
        label, units = self.rows.label, self.units
        if smallest_class(label, units) < MIN_OF_CLASS:
            raise TooFewRowsError(
                f"a class has fewer than {MIN_OF_CLASS} {self.units_text}"
            )
        auc, influence = self.auc_and_influence
        other_auc, other_influence = other.auc_and_influence
        difference = auc - other_auc
        error, degrees = error_and_degrees(label, influence - other_influence, units)
        if difference and not error:
            # For example, one model separates the classes, and the other model predicts
            # the same value for all rows.
            raise UnusableError(
                f"DeLong's formula gives the AUCs {auc:g} and {other_auc:g} an error "
                "of 0"
            )
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

    @cached_property
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
    return Predictions(metric, rows, by_replicate)
