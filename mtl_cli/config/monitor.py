"""The metrics that `trainer.monitor` names."""

from mtl_cli.heads.base import Output

AUTO, MEAN = "auto", "mean"


def monitored_metrics(monitor: str, outputs: list[Output]) -> list[tuple[Output, str]]:
    """Returns the outputs that early stopping watches, each with a metric's name.

    Outputs that heads add are not watched: they have no loss of their own.

    Args:
        monitor: the key `trainer.monitor`, see `Trainer`.
        outputs: the outputs of the model.
    """
    name, _, metric_name = monitor.partition(".")
    tasks = [output for output in outputs if not output.added_by_heads]
    if name == AUTO:
        return [(output, output.task.proper_metric) for output in tasks]
    return [
        (output, metric_name or output.first_metric)
        for output in tasks
        if name in (MEAN, output.name)
    ]
