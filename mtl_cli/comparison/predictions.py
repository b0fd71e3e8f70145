"""Reads the predictions of a configuration's runs, for tests over test rows."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.label_columns import label_values
from mtl_cli.comparison.row_statistics import bootstrap, delong, resampled
from mtl_cli.comparison.runs import Run
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.heads.esmm import label_of_output
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.runs import predictions_file
from mtl_cli.runs.predictions_file import SCENARIO, weight_name
from mtl_cli.statistics.delong import auc_influence
from mtl_cli.statistics.significance import Test
from mtl_cli.tasks.base import metrics_named


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
    """

    row_numbers: npt.NDArray[np.int64]
    label: Floats
    weight: Floats

    def take(self, mask: npt.NDArray[np.bool_]) -> "Rows":
        """Returns the rows where `mask`, (rows,), is True."""
        return Rows(self.row_numbers[mask], self.label[mask], self.weight[mask])

    def are_same(self, other: "Rows") -> bool:
        """Whether two sets of rows have equal row numbers, labels and weights.

        Runs of version 0.1 rounded the labels of regressions to float32, so labels that
        are equal as float32 count as equal.
        """
        labels, other_labels = (rows.label.astype("float32") for rows in (self, other))
        return (
            np.array_equal(self.row_numbers, other.row_numbers)
            and np.array_equal(labels, other_labels)
            and np.array_equal(self.weight, other.weight)
        )


@dataclass
class Predictions:
    """The predictions of all seeds of a configuration for one task.

    Attributes:
        metric: the metric that is compared.
        rows: the rows on which the task is scored.
        by_seed: the predictions of each seed, (rows,) or (rows, classes) each.
        scenarios: the name of each row's scenario, (rows,); None if unknown.
        by_scenario: the predictions on the rows of each scenario that was asked for.
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
    def resampled_metric(self) -> Floats:
        """The metric on each bootstrap sample of the rows, averaged over seeds."""
        rows = self.rows
        return resampled(self.metric, rows.label, self.by_seed, rows.weight)

    @cached_property
    def mean(self) -> float:
        """The metric on all rows, averaged over seeds."""
        if self.metric.name == "auc":
            return self.auc_and_influence[0]
        rows = self.rows
        values = [self.metric(rows.label, p, rows.weight) for p in self.by_seed]
        return float(np.mean(values))

    def test(self, other: "Predictions") -> Test:
        """Tests the metric of these predictions minus the metric of others.

        Raises:
            DifferentRowsError: if the two are for different rows.
            UnusableError: if an AUC has fewer than two rows of a class, or if another
                metric is undefined on a bootstrap sample.
        """
        if not self.rows.are_same(other.rows):
            raise DifferentRowsError("the test rows or their weights differ")
        if self.metric.name == "auc":
            _, counts = np.unique(self.rows.label, return_counts=True)
            if len(counts) < 2 or counts.min() < 2:
                raise UnusableError("a class has fewer than two test rows")
            influence = self.auc_and_influence[1] - other.auc_and_influence[1]
            return delong(self.rows.label, self.mean - other.mean, influence)
        try:
            difference = self.mean - other.mean
            return bootstrap(difference, self.resampled_metric, other.resampled_metric)
        except UndefinedError:
            raise UnusableError(
                f"{self.metric.name} is undefined on some bootstrap samples of the rows"
            ) from None


def read_predictions(
    configuration: Configuration, split: str, task: str, metric: str
) -> Predictions:
    """Reads the predictions of all seeds of a configuration, and checks them.

    The metric is computed from the predictions and compared with the metric in
    `metrics.json`. The two values differ if rows have weights and the run is of an
    earlier version, whose `predictions.parquet` does not contain the weights.

    Raises:
        DifferentRowsError: if the seeds have different rows.
        UnusableError: if predictions are missing or damaged, or if the metric needs
            more than labels and predictions, is undefined, or differs from the metric
            in `metrics.json`.
    """
    recorded = configuration.values(split, task, metric)
    if not recorded:
        raise UnusableError(f"{metric} is undefined")
    columns = [read_columns(configuration.runs[seed], split, task) for seed in recorded]
    (rows, first_prediction, scenarios), *others = columns
    for other_rows, *_ in others:
        if not rows.are_same(other_rows):
            raise DifferentRowsError("the seeds have different test rows")
    has_classes = first_prediction.ndim == 2
    metrics = [m for m in metrics_named(metric) if m.of_classes == has_classes]
    if not metrics or metrics[0].grouped:
        raise UnusableError(f"{metric} needs more than labels and predictions")
    by_seed = [prediction for _, prediction, _ in columns]
    predictions = Predictions(metrics[0], rows, by_seed, scenarios)
    try:
        mean = predictions.mean
    except (UndefinedError, ValueError, IndexError):
        raise UnusableError(f"{metric} is undefined") from None
    if not np.isclose(mean, np.mean(list(recorded.values())), rtol=1e-6):
        if configuration.settings.get("dataset.weight_column", "null") != "null":
            raise UnusableError(
                "the rows have weights, which predictions.parquet does not hold"
            )
        raise UnusableError(f"predictions do not give the {metric} of metrics.json")
    return predictions


def read_columns(
    run: Run, split: str, task: str
) -> tuple[Rows, Floats, npt.NDArray[np.object_] | None]:
    """Reads the rows on which a task is scored: labelled rows in the task's space.

    Rows of weight 0 are left out.

    Returns: the rows; the predictions, (rows,) or (rows, classes); and the name of each
        row's scenario, (rows,), or None if the file has no scenarios.

    Raises:
        UnusableError: if the file is missing or damaged, or lacks a column.
    """
    # The space is a text such as "click = 1", and "click" is a column of the file.
    space = str(run.score(split, task).get("space") or "").partition(" = ")[0]
    requested = {"row", task, label_of_output(task), f"{task}_prediction", space}
    requested.add(weight_name(task))
    requested |= {SCENARIO} if "scenarios" in run.score(split, task) else set()
    try:
        table = predictions_file.read_predictions(
            run.path, lambda names: [name for name in names if name in requested]
        )
        # The output `buy_given_click`, for example, has the label `buy`.
        label_name = task if task in table.column_names else label_of_output(task)
        needed = ["row", label_name, f"{task}_prediction", *([space] if space else [])]
        for name in needed:
            if name not in table.column_names:
                raise UnusableError(f"predictions.parquet has no column {name}")
        labels = label_values(run, label_name, table[label_name])
        is_scored = np.isfinite(labels)
        if space:
            is_scored &= table[space].to_numpy() == 1
        weights = np.ones(len(labels))
        if weight_name(task) in table.column_names:
            weights = np.asarray(table[weight_name(task)].to_numpy(), "float64")
            is_scored &= np.isfinite(weights) & (weights > 0)
        predictions: Any = table[f"{task}_prediction"].to_numpy()
        predictions = predictions[is_scored]
        if predictions.dtype == object:  # one list of probabilities per row
            predictions = np.stack(list(predictions))
        predictions = predictions.astype("float64")
        scenarios = None
        if SCENARIO in requested and SCENARIO in table.column_names:
            scenarios = table[SCENARIO].cast("string").to_numpy()[is_scored]
    except FileNotFoundError:
        raise UnusableError("a run has no predictions.parquet") from None
    except DAMAGED_FILE_ERRORS:
        raise UnusableError("a predictions.parquet is damaged") from None
    rows = Rows(table["row"].to_numpy(), labels, weights).take(is_scored)
    return rows, predictions, scenarios
