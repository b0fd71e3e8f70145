"""Finds what the user should know about the kept epoch of a training."""

from mtl_cli.config.monitor import AUTO, monitored_metrics
from mtl_cli.config.run_config import Config
from mtl_cli.core.message_text import line_if_any
from mtl_cli.heads.base import Output
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.scoring.scores import monitor_weight
from mtl_cli.tasks.base import Task
from mtl_cli.training.progress import History

# Smaller differences may be noise. The unit is the same as for normalised entropy and
# R2: a model that always predicts the mean label and a perfect model differ by 1.
MIN_DIFFERENCE = 0.005


def better_epoch_findings(config: Config, history: History) -> list[str]:
    """Returns a line for each task that was clearly better after another epoch.

    Early stopping keeps the epoch that is best by the mean over the tasks. So a task
    that learns faster or slower than other tasks may be better after another epoch.
    Tasks with few validation rows have no line, see `monitor_weight`.

    Returns [] if there is only one task, if early stopping is off, or if the user has
    chosen by `trainer.monitor` which epoch is kept.
    """
    monitored = monitored_metrics(config.trainer.monitor, config.outputs)
    stops_early = config.trainer.patience is not None
    if config.trainer.monitor != AUTO or not stops_early or len(monitored) < 2:
        return []
    lines = []
    kept_epoch = history.kept_epoch
    for output, metric in monitored:
        values = validation_values(history, output.name, metric)
        if kept_epoch not in values:
            continue
        score = history.epochs[kept_epoch - 1].valid[output.name]
        if monitor_weight(score) < 1:  # the metric moves mostly by chance
            continue
        direction = output.task.metric(metric).direction
        best = max(values, key=lambda epoch: direction * values[epoch])
        if abs(values[best] - values[kept_epoch]) >= MIN_DIFFERENCE:
            lines.append(
                f"{output.name} was better after epoch {best}: {metric} of validation "
                f"rows is {values[best]:.4f} there, and {values[kept_epoch]:.4f} after "
                f"the kept epoch {kept_epoch}; trainer.monitor={output.name}.{metric} "
                f"keeps the best epoch of {output.name}"
            )
    return lines


def last_epoch_finding(config: Config, history: History, num_rows: int) -> list[str]:
    """Returns a line if the best epoch is the last one that `trainer.epochs` allows.

    The network may then have been about to become better. Returns [] if early stopping
    is off, if the learning rate falls until the last epoch, or if there is only one
    epoch: a single epoch shows no trend.

    Args:
        config: the configuration of the run.
        history: the history of the training.
        num_rows: the number of training rows.
    """
    length = config.training_length(num_rows)
    if length.patience is None or length.epochs == 1:
        return []
    if not config.optimizer.is_rate_constant or history.kept_epoch != length.epochs:
        return []
    return [
        f"the best epoch is the last one, epoch {length.epochs}, so more epochs may "
        f"give a better model: trainer.epochs={2 * length.epochs}"
    ]


def useless_tasks_finding(outputs: list[Output], scores: Scores) -> list[str]:
    """Returns a line about tasks that are no better than a constant prediction.

    The constant is the mean label, or the share of each class. A task whose `loss` is
    not the default of its kind is left out, because it may not predict means.

    Args:
        outputs: the outputs.
        scores: the scores of the validation rows; {} if there are no such rows.
    """
    cases = []
    for output in outputs:
        metric = output.task.PROPER_METRIC
        if metric is None or not has_usual_loss(output.task):
            continue
        value = scores.get(output.name, {}).get(metric.name)
        # For a constant prediction, R2 and D2 are 0, and normalised entropy is 1.
        value_of_constant = 0 if metric.direction == 1 else 1
        if value is not None and metric.direction * (value - value_of_constant) <= 0:
            cases.append(f"{output.name} ({metric.name} {value:.4f})")
    return line_if_any(
        "on the validation rows, these tasks are no better than a constant prediction; "
        "the features may say nothing about their labels, or there are too few "
        "training rows",
        cases,
    )


def has_usual_loss(task: Task) -> bool:
    """Whether a task has the default loss of its kind, or the kind offers no choice."""
    field = type(task).model_fields.get("loss")
    return field is None or vars(task)["loss"] == field.default


def validation_values(history: History, output: str, metric: str) -> dict[int, float]:
    """Returns {number of an epoch: an output's metric of the validation rows}.

    An epoch in which the metric is undefined is left out.
    """
    values = {}
    for epoch in history.epochs:
        value = epoch.valid.get(output, {}).get(metric)
        if value is not None:
            values[epoch.number] = value
    return values
