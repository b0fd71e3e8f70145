"""Checks before training that early stopping can monitor the validation rows."""

import numpy as np

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.core.errors import DataError
from mtl_cli.data.table import Table
from mtl_cli.heads.base import Output
from mtl_cli.scoring.scores import score


def check_monitor(monitor: str, outputs: list[Output], valid: Table) -> None:
    """Raises a `DataError` if a metric that `trainer.monitor` names is undefined.

    For example, AUC is undefined if the labels of all validation rows are equal.
    """
    for output, metric in monitored_metrics(monitor, outputs):
        labels, weights = valid.labels[output.label], valid.weights[output.name]
        # Whether a metric is defined depends on labels, weights and groups only. So the
        # check can use any predictions, such as zeros.
        rows, width = len(labels), output.task.num_predictions
        predictions = np.zeros(rows if width == 1 else (rows, width))
        scores = score(
            output.task, labels, predictions, weights, valid.groups, names=[metric]
        )
        if scores[metric] is None:
            reason = scores["why"][metric]
            raise DataError(
                f"trainer.monitor: {metric} of task {output.name} is undefined on the "
                f"validation rows ({reason}); give more validation rows, "
                "monitor another task or metric, or set trainer.patience=null"
            )
