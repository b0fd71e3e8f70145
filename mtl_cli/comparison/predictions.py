"""The predictions of a configuration, and tests of their differences over test rows.

The tests say whether another test set would rank two configurations in the same order.
The score of a configuration is the metric averaged over seeds. The test rows are a
sample of all possible rows. The tests ask how much the difference of two scores would
vary between samples. Both configurations are scored on the same rows: rows that are
hard to predict lower both scores, and most of this effect cancels in the difference.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.core.prediction_names import SCENARIO
from mtl_cli.metrics.auc import group_aucs
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.statistics.delong import auc_influence, standard_error
from mtl_cli.statistics.sampling_error import MIN_ROWS, RESAMPLES
from mtl_cli.statistics.significance import Test, z_test


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
        """Whether two sets of rows have equal row numbers, labels, weights, groups."""
        return all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("row_numbers", "label", "weight", "group")
        )


@dataclass(eq=False)
class Predictions:
    """The predictions of all seeds of a configuration for one task.

    Attributes:
        metric: the metric to compute.
        rows: the rows on which the task is scored.
        by_seed: the predictions of each seed, (rows,) or (rows, classes).
    """

    metric: Metric
    rows: Rows
    by_seed: list[Floats]

    def of_scenario(self, name: str) -> "Predictions":
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
        return Predictions(self.metric, self.rows.take(mask), by_seed)

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

    @cached_property
    def group_aucs_and_weights(self) -> tuple[Floats, Floats]:
        """The AUC of each group, averaged over seeds, and the groups' weights.

        Both are (groups with rows of both classes,).
        """
        rows = self.rows
        results = [
            group_aucs(rows.label, p, rows.weight, rows.group) for p in self.by_seed
        ]
        _, weights = results[0]  # The weights are the same for all seeds.
        return np.mean([aucs for aucs, _ in results], axis=0), weights

    @cached_property
    def sampled_metric(self) -> Floats:
        """The metric on each bootstrap sample of the rows, averaged over seeds.

        All configurations have the same samples, so the metrics of two configurations
        can be subtracted sample by sample.
        """
        label, weight = self.rows.label, self.rows.weight
        rng = np.random.default_rng(0)
        values = np.empty(RESAMPLES)
        for i in range(RESAMPLES):
            rows = rng.integers(0, len(label), len(label))
            values[i] = np.mean(
                [self.metric(label[rows], p[rows], weight[rows]) for p in self.by_seed]
            )
        return values

    @cached_property
    def mean(self) -> float:
        """The metric on all rows, averaged over seeds."""
        if self.metric.name == "auc":
            return self.auc_and_influence[0]
        if self.metric.grouped:
            aucs, weights = self.group_aucs_and_weights
            return float(np.average(aucs, weights=weights))
        label, weight = self.rows.label, self.rows.weight
        return float(np.mean([self.metric(label, p, weight) for p in self.by_seed]))

    def test(self, other: "Predictions") -> Test:
        """Tests the metric of these predictions minus the metric of other predictions.

        Raises:
            DifferentRowsError: if the predictions are for different rows.
            UnusableError: if an AUC has fewer than two rows of a class, if fewer than
                `MIN_ROWS` groups have rows of both classes, or if another metric is
                undefined on a bootstrap sample.
        """
        if not self.rows.are_same(other.rows):
            raise DifferentRowsError("the test rows or their weights differ")
        if self.metric.name == "auc":
            _, class_sizes = np.unique(self.rows.label, return_counts=True)
            if len(class_sizes) < 2 or class_sizes.min() < 2:
                raise UnusableError("a class has fewer than two test rows")
            influence = self.auc_and_influence[1] - other.auc_and_influence[1]
            error = standard_error(self.rows.label, influence)
            return z_test(self.mean - other.mean, error)
        if self.metric.grouped:
            return self.test_groups(other)
        try:
            difference = self.mean - other.mean
            differences = self.sampled_metric - other.sampled_metric
        except UndefinedError:
            raise UnusableError(
                f"{self.metric.name} is undefined on some bootstrap samples of the rows"
            ) from None
        return z_test(difference, float(np.std(differences, ddof=1)))

    def test_groups(self, other: "Predictions") -> Test:
        """Tests the difference of two group AUCs on the same groups.

        Another test set would have other groups. The difference is a weighted mean over
        the groups, so it is a ratio of two sums that vary from one set of groups to
        another. The standard error is the standard error of a ratio (Cochran, Sampling
        Techniques, 1977, section 2.11).
        """
        aucs, weights = self.group_aucs_and_weights
        n = len(aucs)
        if n < MIN_ROWS:
            raise UnusableError(
                f"fewer than {MIN_ROWS} groups have rows of both classes"
            )
        differences = aucs - other.group_aucs_and_weights[0]
        mean = float(np.average(differences, weights=weights))
        variance = n / (n - 1) * np.sum((weights * (differences - mean)) ** 2)
        return z_test(mean, float(np.sqrt(variance) / weights.sum()))
