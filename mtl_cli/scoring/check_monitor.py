"""Checks whether the validation rows define the metrics that early stopping watches.

The setting `trainer.monitor` names these metrics. For example, AUC is undefined if the
labels of all validation rows are equal.
"""

import numpy as np

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.core.errors import DataError
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.scoring.scores import score
from mtl_cli.tasks.base import Task


def check_monitor(monitor: str, outputs: list[Output], valid: Table) -> dict[str, str]:
    """Returns the `unmonitored_tasks`; raises a `DataError` if no task is left."""
    reasons = undefined_metrics(monitor, outputs, valid)
    if len(reasons) == len(monitored_metrics(monitor, outputs)):
        first_reason, *_ = reasons.values()
        raise DataError(
            f"trainer.monitor: {first_reason}; give more validation rows, monitor "
            "another task or metric, or set trainer.patience=null"
        )
    return reasons


def unmonitored_tasks(
    monitor: str, outputs: list[Output], valid: Table
) -> dict[str, str]:
    """Returns {task: reason} for the tasks that the means `auto` and `mean` leave out.

    A mean leaves out the tasks whose metric is undefined on the validation rows. The
    labels and weights of these rows decide, so all epochs watch the same tasks. If the
    metrics of all tasks are undefined, no task is left out, and the mean is undefined.
    """
    reasons = undefined_metrics(monitor, outputs, valid)
    if len(reasons) == len(monitored_metrics(monitor, outputs)):
        return {}
    return reasons


def unmonitored_warnings(left_out: dict[str, str]) -> list[str]:
    return [
        f"trainer.monitor: {reason}, so early stopping does not watch {task}; give "
        "more validation rows to watch it"
        for task, reason in left_out.items()
    ]


def undefined_metrics(
    monitor: str, outputs: list[Output], valid: Table
) -> dict[str, str]:
    """Returns {task: reason} for the watched tasks whose metric is undefined."""
    reasons = {}
    for output, metric in monitored_metrics(monitor, outputs):
        labels, weights = valid.labels[output.label], valid.weights[output.name]
        # Labels, weights and groups usually decide whether a metric is defined. But
        # some metrics are also undefined for predictions that no model gives, such as a
        # mean of 0 for counts, or equal predictions for all rows.
        predictions = plausible_predictions(output.task, labels)
        scores = score(
            output.task, labels, predictions, weights, valid.groups, names=[metric]
        )
        if scores[metric] is None:
            reasons[output.name] = (
                f"{metric} of task {output.name} is undefined on the validation rows "
                f"({scores['why'][metric]})"
            )
    return reasons


def plausible_predictions(task: Task, labels: Array) -> Array:
    """Returns predictions that a model could give: halfway to the label of each row.

    For classes: the average of the label's one-hot vector and of equal probabilities.
    For other labels: the average of the label and of the mean label.

    Returns: (rows,), or (rows, num_predictions) if there are several per row.
    """
    width = task.num_predictions
    has_label = np.isfinite(labels)
    targets: Array = np.where(has_label, labels, 0).astype("float64")
    if task.HAS_CLASSES and width == 1:
        return (targets + 0.5) / 2
    if task.HAS_CLASSES:
        one_hot: Array = np.eye(width)[targets.astype("int64")]
        return (one_hot + 1 / width) / 2
    mean = targets[has_label].mean() if has_label.any() else 0.0
    predictions = (targets + (mean or 1.0)) / 2  # a mean of 0 is not plausible
    return predictions if width == 1 else np.tile(predictions[:, None], width)
