"""Checks whether the metrics that `trainer.monitor` names are defined.

For example, AUC is undefined if the labels of all validation rows are equal.
"""

import numpy as np

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.core.errors import DataError
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.scoring.scores import score
from mtl_cli.tasks.base import Task


def check_monitor(monitor: str, outputs: list[Output], valid: Table) -> dict[str, str]:
    """Returns `unmonitored_tasks`, and refuses a monitor that watches no task.

    Raises:
        DataError: if all metrics that `trainer.monitor` names are undefined.
    """
    problems = undefined_metrics(monitor, outputs, valid)
    if len(problems) < len(monitored_metrics(monitor, outputs)):
        return problems
    raise DataError(
        f"trainer.monitor: {next(iter(problems.values()))}; give more validation rows, "
        "monitor another task or metric, or set trainer.patience=null"
    )


def unmonitored_tasks(
    monitor: str, outputs: list[Output], valid: Table
) -> dict[str, str]:
    """Returns the tasks that the means `auto` and `mean` leave out: {task: reason}.

    The mean leaves out the tasks whose metric is undefined on the validation rows. The
    labels and weights of these rows decide, so all epochs watch the same tasks. If the
    metrics of all tasks are undefined, no task is left out, and the mean is undefined.
    """
    problems = undefined_metrics(monitor, outputs, valid)
    are_all_undefined = len(problems) == len(monitored_metrics(monitor, outputs))
    return {} if are_all_undefined else problems


def unmonitored_warnings(left_out: dict[str, str]) -> list[str]:
    """Returns a warning for each of the `unmonitored_tasks`."""
    return [
        f"trainer.monitor: {reason}, so early stopping does not watch {task}; give "
        "more validation rows to watch it"
        for task, reason in left_out.items()
    ]


def undefined_metrics(
    monitor: str, outputs: list[Output], valid: Table
) -> dict[str, str]:
    """Returns the monitored tasks whose metric is undefined.

    Returns: {task: which metric is undefined, and why}.
    """
    problems = {}
    for output, metric in monitored_metrics(monitor, outputs):
        labels, weights = valid.labels[output.label], valid.weights[output.name]
        # Whether a metric is defined usually depends on labels, weights and groups
        # only. But some metrics are undefined for predictions that a model never gives,
        # such as a mean of 0 for counts, or if all predictions are equal.
        predictions = plausible_predictions(output.task, labels)
        scores = score(
            output.task, labels, predictions, weights, valid.groups, names=[metric]
        )
        if scores[metric] is None:
            problems[output.name] = (
                f"{metric} of task {output.name} is undefined on the validation rows "
                f"({scores['why'][metric]})"
            )
    return problems


def plausible_predictions(task: Task, labels: Array) -> Array:
    """Returns predictions that a model could give: halfway to the label of each row.

    A probability lies halfway between 0 or 1, as the label says, and equal
    probabilities. Any other prediction lies halfway between the label and the mean
    label.

    Args:
        task: the task.
        labels: the labels, (rows,), NaN where a label is missing.

    Returns: (rows,), or (rows, num_predictions) if there are several per row.
    """
    width = task.num_predictions
    has_label = np.isfinite(labels)
    targets = np.where(has_label, labels, 0).astype("float64")
    center = 0.5
    if task.HAS_CLASSES and width > 1:
        targets, center = np.eye(width)[targets.astype("int64")], 1 / width
    elif not task.HAS_CLASSES and has_label.any():
        center = targets[has_label].mean() or 1.0  # counts have no mean of 0
    predictions: Array = targets / 2 + center / 2
    if width > 1 and predictions.ndim == 1:
        return np.repeat(predictions[:, None], width, axis=1)
    return predictions
