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
from mtl_cli.runs.predictions_file import SCENARIO
from mtl_cli.statistics.delong import delong_components
from mtl_cli.statistics.significance import Test
from mtl_cli.tasks.base import metrics_named

# The row numbers and the labels of some rows, (rows,) each.
Rows = tuple[npt.NDArray[np.int64], Floats]


class UnusableError(Exception):
    """The predictions cannot be tested. The message says why."""


class DifferentRowsError(UnusableError):
    """The predictions to compare are for different rows."""


@dataclass
class Predictions:
    """The predictions of all seeds of a configuration for one task.

    Attributes:
        metric: the metric that is compared.
        row_numbers: the number in the test table of each row that the task scores,
            (rows,).
        label: the labels of these rows, (rows,).
        by_seed: the predictions of each seed, (rows,) or (rows, classes) each.
        scenarios: the name of each row's scenario, (rows,); None if unknown.
        by_scenario: the predictions on the rows of each scenario that was asked for.
    """

    metric: Metric
    row_numbers: npt.NDArray[np.int64]
    label: Floats
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
                self.row_numbers[mask],
                self.label[mask],
                [prediction[mask] for prediction in self.by_seed],
            )
        return self.by_scenario[name]

    @cached_property
    def auc_components(self) -> tuple[Floats, Floats]:
        """The contributions of positive and of negative rows to the mean AUC."""
        return delong_components(self.label, self.by_seed)

    @cached_property
    def resampled_metric(self) -> Floats:
        """The metric on each bootstrap sample of the rows, averaged over seeds."""
        return resampled(self.metric, self.label, self.by_seed)

    @cached_property
    def mean(self) -> float:
        """The metric on all rows, averaged over seeds."""
        if self.metric.name == "auc":
            return float(self.auc_components[0].mean())
        weight = np.ones(len(self.label))
        values = [self.metric(self.label, p, weight) for p in self.by_seed]
        return float(np.mean(values))

    def test(self, other: "Predictions") -> Test:
        """Tests the metric of these predictions minus the metric of others.

        Raises:
            DifferentRowsError: if the two are for different rows.
            UnusableError: if an AUC has fewer than two rows of a class, or if another
                metric is undefined on a bootstrap sample.
        """
        rows, other_rows = (
            (predictions.row_numbers, predictions.label)
            for predictions in (self, other)
        )
        if not are_same(rows, other_rows):
            raise DifferentRowsError("the test rows differ")
        if self.metric.name == "auc":
            test = delong(self.auc_components, other.auc_components)
            if test is None:
                raise UnusableError("a class has fewer than two test rows")
            return test
        try:
            difference = self.mean - other.mean
            return bootstrap(difference, self.resampled_metric, other.resampled_metric)
        except UndefinedError:
            raise UnusableError(
                f"{self.metric.name} is undefined on some bootstrap samples of the rows"
            ) from None


def are_same(rows: Rows, other_rows: Rows) -> bool:
    """Whether two sets of rows have equal row numbers and equal labels.

    Runs of version 0.1 rounded the labels of regressions to float32, so labels that are
    equal as float32 count as equal.
    """
    (row_numbers, label), (other_numbers, other_label) = rows, other_rows
    return np.array_equal(row_numbers, other_numbers) and np.array_equal(
        label.astype("float32"), other_label.astype("float32")
    )


def read_predictions(
    configuration: Configuration, split: str, task: str, metric: str
) -> Predictions:
    """Reads the predictions of all seeds of a configuration, and checks them.

    The metric is computed from the predictions and compared with the metric in
    `metrics.json`. The two values differ if rows have weights, because
    `predictions.parquet` does not contain the weights.

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
    (row_numbers, label, first_prediction, scenarios), *others = columns
    for other_numbers, other_label, *_ in others:
        if not are_same((row_numbers, label), (other_numbers, other_label)):
            raise DifferentRowsError("the seeds have different test rows")
    has_classes = first_prediction.ndim == 2
    metrics = [m for m in metrics_named(metric) if m.of_classes == has_classes]
    if not metrics or metrics[0].grouped:
        raise UnusableError(f"{metric} needs more than labels and predictions")
    by_seed = [prediction for _, _, prediction, _ in columns]
    predictions = Predictions(metrics[0], row_numbers, label, by_seed, scenarios)
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
) -> tuple[npt.NDArray[np.int64], Floats, Floats, npt.NDArray[np.object_] | None]:
    """Reads the rows on which a task is scored: labelled rows in the task's space.

    Returns: the row numbers, (rows,); the labels, (rows,); the predictions, (rows,) or
        (rows, classes); and the name of each row's scenario, (rows,), or None if the
        file has no scenarios.

    Raises:
        UnusableError: if the file is missing or damaged, or lacks a column.
    """
    # The space is a text such as "click = 1", and "click" is a column of the file.
    space = str(run.score(split, task).get("space") or "").partition(" = ")[0]
    requested = {"row", task, label_of_output(task), f"{task}_prediction", space}
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
    row_numbers = table["row"].to_numpy()[is_scored]
    return row_numbers, labels[is_scored], predictions, scenarios
