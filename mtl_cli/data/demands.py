"""What the chosen model and trainer ask of the data."""

from mtl_cli.config import Config
from mtl_cli.data.table import StoredTable, Table
from mtl_cli.errors import DataError


def check_monitor(config: Config, valid: Table | StoredTable) -> None:
    """Refuses early stopping on a metric that the validation rows leave undefined."""
    who = config.trainer.monitor.partition(".")[0]
    labels, weights = valid.labels, valid.weights
    for name, task in config.chosen_tasks.items():
        if who in ("mean", name) and task.kind == "binary":
            y = labels[name][weights[name] > 0]
            if len(set(y.tolist())) < 2:
                raise DataError(
                    f"trainer.monitor: task {name} has {len(y):,} validation rows of "
                    f"which {int(y.sum()):,} are positive, so AUC is undefined; give "
                    "more validation rows, monitor another task, or set "
                    "trainer.patience=null"
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
