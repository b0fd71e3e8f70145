"""Reads the predictions of a configuration's seeds, to test them row by row."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.row_statistics import bootstrap, delong, resampled
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.written_labels import label_numbers
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.heads.esmm import label_of_output
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.runs import predictions_file
from mtl_cli.runs.predictions_file import SCENARIO
from mtl_cli.statistics.delong import delong_parts
from mtl_cli.statistics.significance import Test
from mtl_cli.tasks.base import metrics_named

# The numbers and the labels of some rows.
Rows = tuple[npt.NDArray[np.int64], Floats]


class UnusableError(Exception):
    """The predictions cannot be tested; the message says why."""


class DifferentRowsError(UnusableError):
    """The predictions are for different rows."""


@dataclass
class Predictions:
    """The predictions of all seeds of a configuration for one task.

    Attributes:
        metric: the metric that is compared.
        row_numbers: the numbers of the rows that the task scores, (rows,).
        label: the labels of these rows, (rows,).
        by_seed: the predictions of each seed, (rows,) or (rows, classes).
        scenarios: the name of each row's scenario, (rows,); None without scenarios.
    """

    metric: Metric
    row_numbers: npt.NDArray[np.int64]
    label: Floats
    by_seed: list[Floats]
    scenarios: npt.NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        self.by_scenario: dict[str, Predictions] = {"": self}

    def of_scenario(self, name: str) -> "Predictions":
        """Returns the predictions for the rows of a scenario; "" for all rows.

        Raises:
            UnusableError: if the scenarios of the rows are not known.
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
    def auc_parts(self) -> tuple[Floats, Floats]:
        """The contributions of positive and of negative rows to the AUC."""
        return delong_parts(self.label, self.by_seed)

    @cached_property
    def resampled_metric(self) -> Floats:
        """The metric on bootstrap samples of the rows, as its mean over seeds."""
        return resampled(self.metric, self.label, self.by_seed)

    @cached_property
    def mean(self) -> float:
        """The metric on all rows, as its mean over seeds."""
        if self.metric.name == "auc":
            return float(self.auc_parts[0].mean())
        weight = np.ones(len(self.label))
        values = [self.metric(self.label, p, weight) for p in self.by_seed]
        return float(np.mean(values))

    def test(self, other: "Predictions") -> Test:
        """Tests the difference of these predictions minus other predictions.

        Raises:
            DifferentRowsError: if the two are for different rows.
            UnusableError: if the rows are too few for a test.
        """
        rows, other_rows = (
            (predictions.row_numbers, predictions.label)
            for predictions in (self, other)
        )
        if not are_same(rows, other_rows):
            raise DifferentRowsError("the test rows differ")
        if self.metric.name == "auc":
            test = delong(self.auc_parts, other.auc_parts)
            if test is None:
                raise UnusableError("the test rows have fewer than two of a class")
            return test
        try:
            difference = self.mean - other.mean
            return bootstrap(difference, self.resampled_metric, other.resampled_metric)
        except UndefinedError:
            raise UnusableError(
                f"{self.metric.name} is undefined on some bootstrap samples of the rows"
            ) from None


def are_same(rows: Rows, other_rows: Rows) -> bool:
    """Whether two runs have the same rows.

    Runs of version 0.1 rounded the labels of regressions to float32.

    Args:
        rows: the numbers and the labels of one run's rows, (rows,) each.
        other_rows: the numbers and the labels of the other run's rows, (rows,) each.
    """
    (numbers, label), (other_numbers, other_label) = rows, other_rows
    return np.array_equal(numbers, other_numbers) and np.array_equal(
        label.astype("float32"), other_label.astype("float32")
    )


def read_predictions(
    configuration: Configuration, split: str, task: str, metric: str
) -> Predictions:
    """Reads the predictions of all seeds.

    Raises:
        DifferentRowsError: if the seeds have different rows.
        UnusableError: if predictions are missing, or do not give the metric that the
            run recorded, because the file lacks the weights and groups of the rows.
    """
    recorded = configuration.values(split, task, metric)
    if not recorded:
        raise UnusableError(f"{metric} is undefined")
    columns = [read_columns(configuration.runs[seed], split, task) for seed in recorded]
    (row_numbers, label, first, scenarios), *others = columns
    for other_numbers, other_label, *_ in others:
        if not are_same((row_numbers, label), (other_numbers, other_label)):
            raise DifferentRowsError("the seeds have different test rows")
    has_classes = first.ndim == 2
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
        raise UnusableError(f"predictions do not give the {metric} of metrics.json")
    return predictions


def read_columns(
    run: Run, split: str, task: str
) -> tuple[npt.NDArray[np.int64], Floats, Floats, npt.NDArray[np.object_] | None]:
    """Returns numbers, labels, predictions and scenarios of the rows of a task.

    The rows are those that the task scores. The scenarios are None without a column.
    """
    # The column "click" of the space "click = 1".
    space = str(run.score(split, task).get("space") or "").partition(" = ")[0]
    requested = {"row", task, label_of_output(task), f"{task}_prediction", space}
    requested |= {SCENARIO} if "scenarios" in run.score(split, task) else set()
    try:
        table = predictions_file.read_predictions(
            run.path, lambda names: [name for name in names if name in requested]
        )
        label = task if task in table.column_names else label_of_output(task)
        for name in ("row", label, f"{task}_prediction", *([space] if space else [])):
            if name not in table.column_names:
                raise UnusableError(f"predictions.parquet has no column {name}")
        labels = label_numbers(run, label, table[label])
        is_scored = np.isfinite(labels)
        if space:
            is_scored &= table[space].to_numpy() == 1
        predicted: Any = table[f"{task}_prediction"].to_numpy()
        predicted = predicted[is_scored]
        if predicted.dtype == object:  # a list of probabilities per row
            predicted = np.stack(list(predicted))
        predicted = predicted.astype("float64")
        scenarios = None
        if SCENARIO in requested and SCENARIO in table.column_names:
            scenarios = table[SCENARIO].cast("string").to_numpy()[is_scored]
    except FileNotFoundError:
        raise UnusableError("a run has no predictions.parquet") from None
    except DAMAGED_FILE_ERRORS:
        raise UnusableError("a predictions.parquet is damaged") from None
    numbers = table["row"].to_numpy()[is_scored]
    return numbers, labels[is_scored], predicted, scenarios
