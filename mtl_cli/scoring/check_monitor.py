"""Checks whether the validation rows define the metrics that early stopping watches.

The setting `trainer.monitor` names these metrics. For example, AUC is undefined if the
labels of all validation rows are equal.
"""

import numpy as np

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.core.errors import DataError
from mtl_cli.data.table import Table
from mtl_cli.heads.base import Output
from mtl_cli.scoring.scores import score


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
        # Labels, weights and groups decide whether a metric is defined, unless the
        # predictions are odd, such as equal for all rows.
        predictions = np.random.default_rng(0).random(
            (len(labels), output.task.num_predictions)
        )
        if output.task.num_predictions == 1:
            predictions = predictions[:, 0]
        scores = score(
            output.task, labels, predictions, weights, valid.groups, names=[metric]
        )
        if scores[metric] is None:
            reasons[output.name] = (
                f"{metric} of task {output.name} is undefined on the validation rows "
                f"({scores['why'][metric]})"
            )
    return reasons
