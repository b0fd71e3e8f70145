"""What the chosen model and trainer ask of the data."""

import numpy as np

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DataError
from mtl_cli.data.table import StoredTable, Table
from mtl_cli.evaluation.scores import score


def check_monitor(config: Config, valid: Table | StoredTable) -> None:
    """Refuses early stopping on a metric that the validation rows leave undefined.

    Raises:
        DataError: naming the metric, the task and why there is no number.
    """
    who, _, wanted = config.trainer.monitor.partition(".")
    labels, weights, groups = valid.labels, valid.weights, valid.groups
    for output in config.outputs:
        if output.added_by_heads or who not in ("mean", output.name):
            continue
        metric = wanted or output.first_metric
        y, w = labels[output.label], weights[output.name]
        width = output.task.num_logits
        constant = np.zeros(len(y) if width == 1 else (len(y), width))
        found = score(output.task, y, constant, w, groups, [metric])
        if found[metric] is None:
            raise DataError(
                f"trainer.monitor: {metric} of task {output.name} is undefined on the "
                f"validation rows ({found['why'][metric]}); give more validation rows, "
                "monitor another task or metric, or set trainer.patience=null"
            )
