"""The predictions of a configuration, and tests of their differences over test rows."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mtl_cli.comparison.row_statistics import (
    bootstrap_test,
    metric_on_samples,
    test_groups,
)
from mtl_cli.core.prediction_names import SCENARIO
from mtl_cli.metrics.auc import group_aucs
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.statistics.delong import auc_influence, standard_error
from mtl_cli.statistics.sampling_error import MIN_ROWS
from mtl_cli.statistics.significance import Test, z_test


class UnusableError(Exception):
    """The predictions cannot be tested. The message says why."""


class DifferentRowsError(UnusableError):
    """The predictions to compare are for different rows."""


@dataclass(frozen=True)
class Rows:
    """Rows on which a task is scored.

    Attributes:
        row_numbers: the number in the test table of each row, (rows,).
        label: the labels, (rows,).
        weight: the weights, above 0, (rows,).
        group: the number of each row's group, (rows,), below 0 if it has none.
    """

    row_numbers: npt.NDArray[np.int64]
    label: Floats
    weight: Floats
    group: npt.NDArray[np.int64]

    def take(self, mask: npt.NDArray[np.bool_]) -> "Rows":
        """Returns the rows where `mask`, (rows,), is True."""
        return Rows(
            self.row_numbers[mask],
            self.label[mask],
            self.weight[mask],
            self.group[mask],
        )

    def are_same(self, other: "Rows") -> bool:
        """Whether two sets of rows have equal row numbers, labels, weights and groups.

        Runs of version 0.1 rounded the labels of regressions to float32, so labels that
        are equal as float32 count as equal.
        """
        labels, other_labels = (rows.label.astype("float32") for rows in (self, other))
        return (
            np.array_equal(self.row_numbers, other.row_numbers)
            and np.array_equal(labels, other_labels)
            and np.array_equal(self.weight, other.weight)
            and np.array_equal(self.group, other.group)
        )


@dataclass
class Predictions:
    """The predictions of all seeds of a configuration for one task.

    Attributes:
        metric: the metric that is compared.
        rows: the rows on which the task is scored.
        by_seed: the predictions of each seed, (rows,) or (rows, classes) each.
        scenarios: the name of each row's scenario, (rows,); None if unknown.
        by_scenario: a cache of the predictions on the rows of each scenario.
    """

    metric: Metric
    rows: Rows
    by_seed: list[Floats]
    scenarios: npt.NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        self.by_scenario: dict[str, Predictions] = {"": self}

    def of_scenario(self, name: str) -> "Predictions":
        """Returns the predictions for the rows of a scenario.

        Args:
            name: the name of the scenario; "" for all rows.

        Raises:
            UnusableError: if the scenarios of the rows are unknown.
        """
        if name not in self.by_scenario:
            if self.scenarios is None:
                raise UnusableError(f"predictions.parquet has no column {SCENARIO}")
            mask = self.scenarios == name
            self.by_scenario[name] = Predictions(
                self.metric,
                self.rows.take(mask),
                [prediction[mask] for prediction in self.by_seed],
            )
        return self.by_scenario[name]

    @cached_property
    def auc_and_influence(self) -> tuple[float, Floats]:
        """The AUC, and the influence of each row on it, both averaged over seeds."""
        rows = self.rows
        total, total_influence = 0.0, np.zeros(len(rows.label))
        for prediction in self.by_seed:
            auc, influence = auc_influence(rows.label, prediction, rows.weight)
            total += auc
            total_influence += influence
        return total / len(self.by_seed), total_influence / len(self.by_seed)

    @cached_property
    def group_aucs_and_weights(self) -> tuple[Floats, Floats]:
        """The AUC of each group, averaged over seeds, and the groups' weights.

        Both are (groups with rows of both classes,).
        """
        rows = self.rows
        aucs, weights = zip(
            *(
                group_aucs(rows.label, prediction, rows.weight, rows.group)
                for prediction in self.by_seed
            ),
            strict=True,
        )
        return np.mean(aucs, axis=0), weights[0]

    @cached_property
    def sampled_metric(self) -> Floats:
        """The metric on each bootstrap sample of the rows, averaged over seeds."""
        rows = self.rows
        return metric_on_samples(self.metric, rows.label, self.by_seed, rows.weight)

    @cached_property
    def mean(self) -> float:
        """The metric on all rows, averaged over seeds."""
        if self.metric.name == "auc":
            return self.auc_and_influence[0]
        if self.metric.grouped:
            aucs, weights = self.group_aucs_and_weights
            return float(np.average(aucs, weights=weights))
        rows = self.rows
        values = [self.metric(rows.label, p, rows.weight) for p in self.by_seed]
        return float(np.mean(values))

    def test(self, other: "Predictions") -> Test:
        """Tests the metric of these predictions minus the metric of others.

        Raises:
            DifferentRowsError: if the two are for different rows.
            UnusableError: if an AUC has fewer than two rows of a class, if fewer than
                `MIN_ROWS` groups have rows of both classes, or if another metric is
                undefined on a bootstrap sample.
        """
        if not self.rows.are_same(other.rows):
            raise DifferentRowsError("the test rows or their weights differ")
        if self.metric.name == "auc":
            _, counts = np.unique(self.rows.label, return_counts=True)
            if len(counts) < 2 or counts.min() < 2:
                raise UnusableError("a class has fewer than two test rows")
            influence = self.auc_and_influence[1] - other.auc_and_influence[1]
            error = standard_error(self.rows.label, influence)
            return z_test(self.mean - other.mean, error)
        if self.metric.grouped:
            aucs, weights = self.group_aucs_and_weights
            if len(aucs) < MIN_ROWS:
                raise UnusableError(
                    f"fewer than {MIN_ROWS} groups have rows of both classes"
                )
            return test_groups(aucs - other.group_aucs_and_weights[0], weights)
        try:
            difference = self.mean - other.mean
            return bootstrap_test(difference, self.sampled_metric, other.sampled_metric)
        except UndefinedError:
            raise UnusableError(
                f"{self.metric.name} is undefined on some bootstrap samples of the rows"
            ) from None
