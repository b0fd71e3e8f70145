"""Reads the predictions of a configuration's seeds, to test them row by row."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.row_statistics import bootstrap, delong, delong_parts, resampled
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.seed_statistics import Test
from mtl_cli.heads.esmm import label_of_output
from mtl_cli.metrics.metric import Floats, Metric, UndefinedError
from mtl_cli.tasks.base import metrics_named


class UnusableError(Exception):
    """The predictions cannot be tested; the message says why."""


class DifferentRowsError(UnusableError):
    """The predictions are for different rows."""


@dataclass
class Predictions:
    """The predictions of all seeds of a configuration for one task.

    Attributes:
        metric: the metric's name.
        function: the metric's function.
        row: numbers of the rows that the task scores, (rows,).
        label: (rows,).
        seeds: the predictions of each seed, (rows,) or (rows, classes).
    """

    metric: str
    function: Metric
    row: npt.NDArray[np.int64]
    label: Floats
    seeds: list[Floats]

    @cached_property
    def parts(self) -> tuple[Floats, Floats]:
        """Each row's contribution to the AUC."""
        return delong_parts(self.label, self.seeds)

    @cached_property
    def resampled(self) -> Floats:
        """The metric on bootstrap samples of the rows, as its mean over seeds."""
        return resampled(self.function, self.label, self.seeds)

    @cached_property
    def mean(self) -> float:
        """The metric on all rows, as its mean over seeds."""
        if self.metric == "auc":
            return float(self.parts[0].mean())
        weight = np.ones(len(self.label))
        values = [self.function(self.label, p, weight) for p in self.seeds]
        return float(np.mean(values))

    def test(self, other: "Predictions") -> Test:
        """Tests the difference of these predictions minus other predictions.

        Raises:
            DifferentRowsError: if the two are for different rows.
            UnusableError: if the rows are too few for a test.
        """
        if not (
            np.array_equal(self.row, other.row)
            and np.array_equal(self.label, other.label)
        ):
            raise DifferentRowsError("the test rows differ")
        if self.metric == "auc":
            test = delong(self.parts, other.parts)
            if test is None:
                raise UnusableError("the test rows have fewer than two of a class")
            return test
        try:
            return bootstrap(self.mean - other.mean, self.resampled, other.resampled)
        except UndefinedError:
            raise UnusableError(
                f"{self.metric} is undefined on some of the rows drawn anew"
            ) from None


def read_predictions(
    configuration: Configuration, split: str, task: str, metric: str
) -> Predictions:
    """Reads the predictions of all seeds.

    Raises:
        DifferentRowsError: if the seeds have different rows.
        UnusableError: if predictions are missing, or do not give the metric that the
            run recorded, because they do not hold the weights and groups of the rows.
    """
    recorded = configuration.values(split, task, metric)
    by_seed = [read_run(configuration.runs[seed], split, task) for seed in recorded]
    row, label, first = by_seed[0]
    for other_row, other_label, _ in by_seed[1:]:
        if not (np.array_equal(row, other_row) and np.array_equal(label, other_label)):
            raise DifferentRowsError("the seeds have different test rows")
    of_classes = first.ndim == 2
    functions = [m for m in metrics_named(metric) if m.of_classes == of_classes]
    if not functions or functions[0].grouped:
        raise UnusableError(f"{metric} needs more than labels and predictions")
    seeds = [prediction for *_, prediction in by_seed]
    predictions = Predictions(metric, functions[0], row, label, seeds)
    try:
        mean = predictions.mean
    except (UndefinedError, ValueError, IndexError):
        raise UnusableError(f"{metric} is undefined") from None
    if not np.isclose(mean, np.mean(list(recorded.values())), rtol=1e-6):
        raise UnusableError(f"predictions do not give the {metric} of metrics.json")
    return predictions


def read_run(
    run: Run, split: str, task: str
) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Returns numbers, labels and predictions of the rows that a task scores."""
    import pyarrow.parquet

    label = label_of_output(task)
    space = str(run.metrics[split][task].get("space") or "").partition(" = ")[0]
    path = run.path / "predictions.parquet"
    try:
        names = pyarrow.parquet.read_schema(path).names
        label = task if task in names else label
        columns = ["row", label, f"{task}_prediction", *([space] if space else [])]
        if missing := [name for name in columns if name not in names]:
            raise UnusableError(f"predictions.parquet has no column {missing[0]}")
        table = pyarrow.parquet.read_table(path, columns=list(dict.fromkeys(columns)))
        labels = table[label].to_numpy().astype("float64")
        counts = np.isfinite(labels)
        if space:
            counts &= table[space].to_numpy() == 1
        predicted: Any = table[f"{task}_prediction"].to_numpy()
        if predicted.dtype == object:  # a list of probabilities per row
            predicted = np.stack(list(predicted))
        predicted = predicted[counts].astype("float64")
    except FileNotFoundError:
        raise UnusableError("a run has no predictions.parquet") from None
    except (OSError, ValueError, TypeError, pyarrow.ArrowException):
        raise UnusableError("a predictions.parquet is damaged") from None
    return table["row"].to_numpy()[counts], labels[counts], predicted
