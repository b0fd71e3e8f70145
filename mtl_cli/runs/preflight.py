"""What the chosen model and trainer ask of the data."""

import numpy as np

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DataError
from mtl_cli.data.table import StoredTable, Table
from mtl_cli.metrics.metrics import score


def check_monitor(config: Config, valid: Table | StoredTable) -> None:
    """Refuses early stopping on a metric that the validation rows leave undefined.

    Raises:
        DataError: naming the metric, the task and why there is no number.
    """
    who, _, wanted = config.trainer.monitor.partition(".")
    labels, weights, groups = valid.labels, valid.weights, valid.groups
    for output in config.outputs:
        if output.added or who not in ("mean", output.name):
            continue
        metric = wanted or output.first_metric
        y, w = labels[output.label], weights[output.name]
        width = config.chosen_tasks[output.name].width
        constant = np.zeros(len(y) if width == 1 else (len(y), width))
        found = score(output.kind, y, constant, w, groups, [metric])
        if found[metric] is None:
            raise DataError(
                f"trainer.monitor: {metric} of task {output.name} is undefined on the "
                f"validation rows ({found['why'][metric]}); give more validation rows, "
                "monitor another task or metric, or set trainer.patience=null"
            )


def doubts(config: Config, train: Table | StoredTable) -> list[str]:
    """Returns warnings about the training labels, each in one line."""
    found = []
    if config.model.heads == "esmm":
        click, conversion = config.funnel
        labels = train.labels
        broken = (labels[conversion] == 1) & (labels[click] == 0)
        if broken.any():
            found.append(
                f"the labels break the funnel rule of esmm: {broken.sum():,} of "
                f"{(labels[conversion] == 1).sum():,} training rows with "
                f"{conversion} = 1 have {click} = 0, so that pCTCVR = pCTR x pCVR "
                "cannot fit both"
            )
    return found
