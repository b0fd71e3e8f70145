"""A check before training: whether early stopping can work on the validation rows."""

import numpy as np

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DataError
from mtl_cli.data.table import StoredTable, Table
from mtl_cli.evaluation.scores import score


def check_monitor(config: Config, valid: Table | StoredTable) -> None:
    """Refuses early stopping on a metric that the validation rows leave undefined.

    Raises:
        DataError: if a monitored metric is undefined; the message says why.
    """
    monitored, _, chosen_metric = config.trainer.monitor.partition(".")
    for output in config.outputs:
        if output.added_by_heads or monitored not in ("mean", output.name):
            continue
        metric = chosen_metric or output.first_metric
        y, w = valid.labels[output.label], valid.weights[output.name]
        num_logits = output.task.num_logits
        constant = np.zeros(len(y) if num_logits == 1 else (len(y), num_logits))
        scores = score(output.task, y, constant, w, valid.groups, [metric])
        if scores[metric] is None:
            reason = scores["why"][metric]
            raise DataError(
                f"trainer.monitor: {metric} of task {output.name} is undefined on the "
                f"validation rows ({reason}); give more validation rows, "
                "monitor another task or metric, or set trainer.patience=null"
            )
