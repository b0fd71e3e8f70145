"""Chooses the metric to compare for each task."""

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.core.errors import ConfigError, suggest
from mtl_cli.metrics.metrics_json import metrics_of


def metrics_by_task(
    configurations: list[Configuration], split: str, metric: str | None
) -> dict[str, str]:
    """Chooses the metric to compare for each task.

    Args:
        configurations: the configurations that have scores.
        split: the split whose scores are compared.
        metric: the requested metric; None for the first metric of each task.

    Returns: {task: metric}, without tasks that do not have the requested metric.

    Raises:
        ConfigError: if no task has the requested metric.
    """
    names_by_task: dict[str, dict[str, None]] = {}
    for configuration in configurations:
        for run in configuration.runs.values():
            for task, values in run.metrics.get(split, {}).items():
                names = dict.fromkeys(metrics_of(values))
                names_by_task.setdefault(task, {}).update(names)
    metrics = {
        task: next(iter(names)) if metric is None else metric
        for task, names in names_by_task.items()
        if names and (metric is None or metric in names)
    }
    if not metrics:
        known = [name for names in names_by_task.values() for name in names]
        choices = list(dict.fromkeys(known))  # each metric once, in order
        raise ConfigError(
            f"--metric: no task has the metric '{metric}'; known: {', '.join(choices)}"
            f"{suggest(str(metric), choices)}"
        )
    return metrics
