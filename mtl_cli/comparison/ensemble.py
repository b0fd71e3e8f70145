"""Chooses the configuration whose runs are averaged into an ensemble."""

from collections.abc import Sequence
from statistics import fmean

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import have_same_validation_rows, metric_settings
from mtl_cli.config.monitor import metrics_of_run
from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError
from mtl_cli.core.message_text import comma_list
from mtl_cli.scoring.scores import monitored_value

FLAG = "--ensemble"
# The metrics that early stopping watches, as pairs (name of an output, metric).
MonitoredMetrics = tuple[tuple[str, str], ...]


def best_configuration(
    comparisons: Sequence[DatasetComparison],
) -> tuple[Configuration, str]:
    """Chooses the configuration whose runs are averaged, and says why.

    Of the configurations with runs of several seeds, this is the one with the best
    monitored score on validation rows, averaged over seeds.

    Raises:
        ConfigError: if there are several data sets, if no configuration has two seeds,
            or if the configurations cannot be ranked: because their monitored metrics
            or validation rows differ, or because a run has no monitored score.
    """
    if len(comparisons) > 1:
        names = comma_list(comparison.dataset for comparison in comparisons)
        raise ConfigError(
            f"{FLAG}: the runs are of several data sets, {names}; name the runs of one "
            "data set"
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
    means = mean_monitored_scores(comparison, candidates)
    best = max(candidates, key=lambda candidate: means[candidate])
    return best, (
        f"the best of {len(candidates)} configurations on validation rows, by "
        f"trainer.monitor={best.settings.get('trainer.monitor')}"
    )


def mean_monitored_scores(
    comparison: DatasetComparison, candidates: list[Configuration]
) -> dict[Configuration, float]:
    """Returns the mean over seeds of each configuration's monitored score."""
    distinct_metrics = set()
    means = {}
    for candidate in candidates:
        scores = []
        for run in candidate.runs.values():
            metrics, score = metrics_and_score(run)
            settings = [metric_settings(run.settings, *names) for names in metrics]
            distinct_metrics.add((*metrics, *settings))
            scores.append(score)
        means[candidate] = fmean(scores)
    have_same_rows = all(
        have_same_validation_rows(candidates, task.name) for task in comparison.tasks
    )
    if len(distinct_metrics) > 1 or not have_same_rows:
        raise ConfigError(
            f"{FLAG}: {len(candidates)} configurations have several seeds, but their "
            "validation rows or monitored metrics differ, so the best of them cannot "
            "be chosen; name the runs of one configuration alone"
        )
    return means


def metrics_and_score(run: Run) -> tuple[MonitoredMetrics, float]:
    """Returns the monitored metrics of a run, and their mean on validation rows.

    Higher is better: values of metrics such as the log loss are negated, see
    `monitored_value`.
    """
    try:
        config = Config.read_saved(run.config)
        monitor, outputs = config.trainer.monitor, config.outputs
        metrics = metrics_of_run(monitor, outputs, run.environment)
        score = monitored_value(metrics, run.metrics["valid"])
    except DAMAGED_FILE_ERRORS:
        score = None
    if score is None:
        raise ConfigError(
            f"{FLAG}: in {run.path}, a metric that trainer.monitor names is missing or "
            "undefined on validation rows, or a file is damaged, so the best of "
            "several configurations cannot be chosen; name the runs of one "
            "configuration alone"
        )
    return tuple((output.name, metric) for output, metric in metrics), score
