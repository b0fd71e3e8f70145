"""A monitor that is undefined on the validation rows is refused before training."""

import numpy as np
import pytest
from helpers.planted_data import config, values

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.core.errors import DataError
from mtl_cli.data.table import Table
from mtl_cli.heads.base import Output
from mtl_cli.metrics.metric import metric
from mtl_cli.scoring.check_monitor import check_monitor, unmonitored_tasks
from mtl_cli.tasks.base import Task

NONE = np.nan


def table(**labels):
    """Returns rows with these labels; a row without a label has no weight."""
    arrays = {name: np.array(y, "float32") for name, y in labels.items()}
    weights = {name: (~np.isnan(y)).astype("float32") for name, y in arrays.items()}
    return Table({}, arrays, weights)


FEATURES = {"user": {"kind": "sparse"}}
TASKS = {
    "buy": {"label": "buy", "kind": "binary"},
    "spent": {"label": "spent", "kind": "regression"},
    "grade": {"label": "grade", "kind": "multiclass", "classes": ["a", "b", "c"]},
}
MIXED = {"buy": [0, 1, NONE, 1], "spent": [0.5, 2, 3, NONE], "grade": [0, 2, NONE, 2]}


def watched(monitor, rows, **tasks):
    """Checks a monitor on validation rows."""
    changed = {name: task | tasks.get(name, {}) for name, task in TASKS.items()}
    dataset = values("t.csv", FEATURES, changed, valid_fraction=0.1)
    return check_monitor(monitor, config(dataset).outputs, rows)


@pytest.mark.parametrize(
    ("monitor", "labels", "why"),
    [
        ("buy", {"buy": [1, 1, NONE, 1]}, "auc of task buy * 3 of 3 rows positive"),
        ("buy.pr_auc", {"buy": [0, 0, 0, 0]}, "pr_auc of task buy * 0 of 4 rows pos"),
        ("buy.log_loss", {"buy": [NONE] * 4}, "log_loss of task buy * (no rows)"),
        ("spent", {"spent": [2, 2, 2, NONE]}, "r2 of task spent * all 3 labels are 2"),
        ("grade", {"grade": [2, 2, 2, 2]}, "macro_auc of task grade * one class only"),
    ],
)
def test_monitor_without_a_number_on_validation_rows_is_refused(monitor, labels, why):
    with pytest.raises(DataError) as caught:
        watched(monitor, table(**MIXED | labels))
    what, reason = why.split(" * ")
    start = f"trainer.monitor: {what} is undefined on the validation rows"
    assert str(caught.value).startswith(start)
    assert reason in str(caught.value)


ONE_CLASS = {"buy": [0, 0, NONE, 0]}
ONE_VALUE = {"spent": [2] * 4, "grade": [1] * 4}


@pytest.mark.parametrize("monitor", ["auto", "mean", "mean.log_loss"])
def test_mean_leaves_out_tasks_without_a_number_on_validation_rows(monitor):
    rows = table(**MIXED | ONE_CLASS)
    if monitor == "mean.log_loss":  # defined for one class, but not without rows
        rows = table(**MIXED | {"buy": [NONE] * 4})
    chosen = [name for name in TASKS if monitor != "mean.log_loss" or name != "spent"]
    dataset = values("t.csv", FEATURES, {name: TASKS[name] for name in chosen})
    outputs = config(dataset).outputs
    left_out = check_monitor(monitor, outputs, rows)
    assert list(left_out) == ["buy"]
    assert "of task buy is undefined on the validation rows (" in left_out["buy"]
    assert unmonitored_tasks(monitor, outputs, rows) == left_out
    names = [o.name for o, _ in monitored_metrics(monitor, outputs, left_out)]
    assert names == [name for name in chosen if name != "buy"]


@pytest.mark.parametrize("monitor", ["auto", "mean"])
def test_mean_without_any_number_on_validation_rows_is_refused(monitor):
    rows = table(**ONE_CLASS | ONE_VALUE)
    if monitor == "auto":  # `ne` is undefined for one class, as AUC is
        rows = table(**{name: [NONE] * 4 for name in TASKS})
    with pytest.raises(DataError, match="of task buy is undefined"):
        watched(monitor, rows)
    dataset = values("t.csv", FEATURES, TASKS)
    assert unmonitored_tasks(monitor, config(dataset).outputs, rows) == {}


@pytest.mark.parametrize(
    ("monitor", "labels"),
    [
        ("mean", {}),
        ("buy", {"spent": [2] * 4, "grade": [1] * 4}),
        ("buy.log_loss", {"buy": [0] * 4}),
        ("spent.rmse", {"spent": [2] * 4}),
        ("grade.accuracy", {"grade": [2] * 4}),
        ("grade.log_loss", {"grade": [2] * 4}),
    ],
)
def test_monitor_with_a_number_on_validation_rows_passes(monitor, labels):
    assert watched(monitor, table(**MIXED | labels)) == {}


@metric(direction=-1)
def poisson_deviance(label, prediction, weight):
    """Infinite for a label above 0 with the prediction 0."""
    with np.errstate(divide="ignore"):
        return float(np.average(prediction - label * np.log(prediction)))


@metric(direction=1)
def correlation(label, prediction, weight):
    """NaN if all predictions are equal."""
    with np.errstate(invalid="ignore"):
        return float(np.corrcoef(label, prediction)[0, 1])


class Counts(Task):
    METRICS = (poisson_deviance, correlation)

    def read_labels(self, message_start, column): ...
    def row_losses(self, labels, logits, statistics): ...
    def predictions(self, logits, statistics): ...


def watched_counts(name, labels):
    task = Counts(label="y", kind="regression", metrics=[name])
    check_monitor("y", [Output("y", "y", task)], table(y=labels))


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("poisson_deviance", [0, 2, NONE, 3]),
        ("poisson_deviance", [0, 0, 0, NONE]),
        ("correlation", [0, 2, NONE, 3]),
    ],
)
def test_metric_undefined_for_predictions_that_no_model_gives_passes(name, labels):
    watched_counts(name, labels)


def test_metric_undefined_for_equal_labels_is_refused():
    with pytest.raises(DataError, match="correlation of task y is undefined"):
        watched_counts("correlation", [2, 2, 2, NONE])


def test_monitor_without_a_metric_is_the_first_of_the_tasks():
    ones = table(**MIXED | {"buy": [1] * 4})
    watched("buy", ones, buy={"metrics": ["log_loss", "auc"]})
    with pytest.raises(DataError, match="auc of task buy is undefined"):
        watched("buy", ones, buy={"metrics": ["auc", "log_loss"]})
