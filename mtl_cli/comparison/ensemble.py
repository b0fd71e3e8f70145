"""Chooses the configuration whose runs are averaged into an ensemble."""

from collections.abc import Sequence
from statistics import fmean

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import same_validation_rows
from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError
from mtl_cli.runs.saved_config import read_config
from mtl_cli.scoring.scores import monitored

FLAG = "--ensemble"


def best_configuration(
    comparisons: Sequence[DatasetComparison],
) -> tuple[Configuration, str]:
    """Returns the configuration to average, and why it is chosen.

    Of several configurations with runs of several seeds, the one with the best mean of
    `trainer.monitor` on validation rows is chosen.

    Raises:
        ConfigError: if there is no such configuration, or none is the best.
    """
    if len(comparisons) > 1:
        names = ", ".join(comparison.dataset for comparison in comparisons)
        raise ConfigError(
            f"{FLAG}: the runs are of several data sets, {names}; name those of one"
        )
    (comparison,) = comparisons
    candidates = [
        c for c in comparison.configurations if len(c.runs) > 1 and not c.is_ensemble
    ]
    if not candidates:
        keys = ", ".join(comparison.differing_keys)
        differ = f"; the runs differ in {keys}" if keys else ""
        raise ConfigError(
            f"{FLAG}: no configuration has runs of two seeds{differ}; train more "
            "seeds, as with mtl-train -m ... seed=1,2,3"
        )
    if len(candidates) == 1:
        return candidates[0], "the only configuration with several seeds"
    watched_metrics = set[tuple[tuple[str, str], ...]]()
    means = []
    for candidate in candidates:
        values = []
        for run in candidate.runs.values():
            watched, value = monitored_value(run)
            watched_metrics.add(watched)
            values.append(value)
        means.append(fmean(values))
    share_rows = all(
        same_validation_rows(candidates, task.name) for task in comparison.tasks
    )
    if len(watched_metrics) > 1 or not share_rows:
        raise ConfigError(
            f"{FLAG}: {len(candidates)} configurations have several seeds, and their "
            "validation rows or monitored metrics differ, so that none is the best; "
            "name the runs of one configuration alone"
        )
    best = candidates[means.index(max(means))]
    monitor = best.settings.get("trainer.monitor")
    return best, (
        f"the best of {len(candidates)} configurations on validation rows, by "
        f"trainer.monitor={monitor}"
    )


def monitored_value(run: Run) -> tuple[tuple[tuple[str, str], ...], float]:
    """Returns what `trainer.monitor` of a run names, and the value on validation rows.

    Returns: a task and a metric for each monitored metric; and their mean, negated if
        less is better.

    Raises:
        ConfigError: if the run has no such value.
    """
    value = None
    try:
        config = Config.model_validate(read_config(run.path))
        monitor, outputs = config.trainer.monitor, config.outputs
        watched = monitored_metrics(monitor, outputs)
        value = monitored(monitor, outputs, run.metrics["valid"])
    except DAMAGED_FILE_ERRORS:
        pass
    if value is None:
        raise ConfigError(
            f"{FLAG}: {run.path} has no value of trainer.monitor on validation rows, "
            "by which the best of several configurations could be chosen; name the "
            "runs of one configuration alone"
        )
    return tuple((output.name, metric) for output, metric in watched), value
