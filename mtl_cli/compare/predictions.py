"""Reads `predictions.parquet` of a configuration's seeds, as far as rows are tested."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.compare.configurations import Configuration
from mtl_cli.compare.row_tests import (
    Floats,
    bootstrap,
    delong,
    delong_parts,
    drawn,
)
from mtl_cli.compare.runs import Run
from mtl_cli.compare.statistics import Test
from mtl_cli.metrics.metrics import METRICS, Metric, UndefinedError


class UnusableError(Exception):
    """Predictions cannot be tested; the message says why."""


class OtherRowsError(UnusableError):
    """Predictions are of other rows."""


@dataclass
class Predictions:
    """What a configuration predicts for one task.

    Attributes:
        metric: its name.
        function: the metric's.
        row: numbers of the rows that count.
        label: (rows,).
        seeds: predictions of each seed.
    """

    metric: str
    function: Metric
    row: npt.NDArray[np.int64]
    label: Floats
    seeds: list[Floats]

    @cached_property
    def parts(self) -> tuple[Floats, Floats]:
        """What each row adds to the AUC."""
        return delong_parts(self.label, self.seeds)

    @cached_property
    def drawn(self) -> Floats:
        """The metric, its mean over seeds, on rows drawn anew."""
        return drawn(self.function.function, self.label, self.seeds)

    @cached_property
    def mean(self) -> float:
        """The metric, its mean over seeds."""
        if self.metric == "auc":
            return float(self.parts[0].mean())
        one = np.ones(len(self.label))
        found = [self.function.function(self.label, p, one) for p in self.seeds]
        return float(np.mean(found))

    def test(self, other: "Predictions") -> Test:
        """Tests this one minus another.

        Raises:
            OtherRowsError: if the two are of other rows.
            UnusableError: if the rows are too few for a test.
        """
        if not (
            np.array_equal(self.row, other.row)
            and np.array_equal(self.label, other.label)
        ):
            raise OtherRowsError("the test rows are others")
        if self.metric == "auc":
            found = delong(self.parts, other.parts)
            if found is None:
                raise UnusableError("the test rows have fewer than two of a class")
            return found
        try:
            return bootstrap(self.mean - other.mean, self.drawn, other.drawn)
        except UndefinedError:
            raise UnusableError(
                f"{self.metric} is undefined on some of the rows drawn anew"
            ) from None


def read_predictions(
    one: Configuration, split: str, task: str, metric: str
) -> Predictions:
    """Reads the predictions of all seeds.

    Raises:
        OtherRowsError: if the seeds have other rows.
        UnusableError: if they are missing, or do not give the metric that the run
            recorded: weights and groups of rows are not among them.
    """
    recorded = one.values(split, task, metric)
    seeds = [one.runs[seed] for seed in recorded]
    read = [read_run(run, split, task) for run in seeds]
    row, label, _ = read[0]
    if not all(
        np.array_equal(row, each[0]) and np.array_equal(label, each[1]) for each in read
    ):
        raise OtherRowsError("the seeds have other test rows")
    wide = read[0][2].ndim == 2
    functions = [
        metrics[metric]
        for kind, metrics in METRICS.items()
        if metric in metrics and (kind == "multiclass") == wide
    ]
    if not functions or functions[0].grouped:
        raise UnusableError(f"{metric} needs more than labels and predictions")
    found = Predictions(metric, functions[0], row, label, [each[2] for each in read])
    try:
        mean = found.mean
    except (UndefinedError, ValueError, IndexError):
        raise UnusableError(f"{metric} is undefined") from None
    if not np.isclose(mean, np.mean(list(recorded.values())), rtol=1e-6):
        raise UnusableError(f"predictions do not give the {metric} of metrics.json")
    return found


def read_run(run: Run, split: str, task: str) -> tuple[Any, Floats, Floats]:
    """Returns row numbers, labels and predictions of the rows that count."""
    import pyarrow.parquet

    label = task.partition("_given_")[0]  # of what ESMM's heads add
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
        mine = np.isfinite(labels)
        if space:
            mine &= table[space].to_numpy() == 1
        predicted: Any = table[f"{task}_prediction"].to_numpy()
        if predicted.dtype == object:
            predicted = np.stack(list(predicted))
        predicted = predicted[mine].astype("float64")
    except FileNotFoundError:
        raise UnusableError("a run has no predictions.parquet") from None
    except (OSError, ValueError, TypeError, pyarrow.ArrowException):
        raise UnusableError("a predictions.parquet is damaged") from None
    return (
        table["row"].to_numpy()[mine],
        labels[mine],
        predicted,
    )
