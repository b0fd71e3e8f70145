"""Finds tasks that were better after another epoch than after the kept epoch."""

from mtl_cli.config.monitor import AUTO, monitored_metrics
from mtl_cli.config.run_config import Config
from mtl_cli.training.progress import History

# Smaller differences may be noise. The unit is the same as for normalised entropy and
# R2: a model that always predicts the mean label and a perfect model differ by 1.
MIN_DIFFERENCE = 0.005


def better_epochs(config: Config, history: History) -> list[str]:
    """Returns a line for each task that was clearly better after another epoch.

    All tasks share the epoch that is kept: the best epoch by the mean over the tasks.
    So a task that learns faster or slower than other tasks may lose. There are no lines
    for one task alone, if early stopping is off, or if `trainer.monitor` is not `auto`,
    since the user has then chosen which epoch is kept.
    """
    monitored = monitored_metrics(config.trainer.monitor, config.outputs)
    stops_early = config.trainer.patience is not None
    if config.trainer.monitor != AUTO or not stops_early or len(monitored) < 2:
        return []
    lines = []
    for output, metric in monitored:
        name, direction = output.name, output.task.metric(metric).direction
        values: dict[int, float] = {}  # {number of an epoch: validation metric}
        for epoch in history.epochs:
            value = epoch.valid.get(name, {}).get(metric)
            if value is not None:
                values[epoch.number] = value
        if history.kept_epoch not in values:
            continue
        best = max(values, key=lambda epoch: direction * values[epoch])
        kept_value, best_value = values[history.kept_epoch], values[best]
        if abs(best_value - kept_value) >= MIN_DIFFERENCE:
            lines.append(
                f"{name} was better after epoch {best}: {metric} of validation rows is "
                f"{best_value:.4f} there, and {kept_value:.4f} after the kept epoch "
                f"{history.kept_epoch}; trainer.monitor={name}.{metric} keeps the best "
                f"epoch of {name}"
            )
    return lines
