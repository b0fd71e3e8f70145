"""Which metric of each task is compared, and whether more of it is better."""

from mtl_cli.compare.configurations import Configuration
from mtl_cli.core.errors import ConfigError, suggest
from mtl_cli.metrics.metrics import METRICS

COUNTS = ("rows", "positives", "space", "why")


def no_scores(found: list[Configuration], split: str) -> str:
    """Says why there is nothing to compare."""
    splits = {s for one in found for run in one.runs.values() for s in run.metrics}
    if splits:
        return f"--split {split}: no run has it; known: {', '.join(sorted(splits))}"
    lost = sum(len(one.lost) for one in found)
    return f"nothing to compare: none of {lost} runs is done and has metrics"


def metrics_of(
    scored: list[Configuration], split: str, metric: str | None
) -> dict[str, str]:
    """Returns the metric of each task that has it.

    Raises:
        ConfigError: if no task has the metric asked for.
    """
    known: dict[str, dict[str, None]] = {}
    for one in scored:
        for run in one.runs.values():
            for task, found in run.metrics.get(split, {}).items():
                names = [name for name in found if name not in COUNTS]
                known.setdefault(task, {}).update(dict.fromkeys(names))
    chosen = {
        task: next(iter(names)) if metric is None else metric
        for task, names in known.items()
        if names and (metric is None or metric in names)
    }
    if not chosen:
        there = list(dict.fromkeys(n for names in known.values() for n in names))
        raise ConfigError(
            f"--metric {metric}: no task has it; known: {', '.join(there)}"
            f"{suggest(str(metric), there)}"
        )
    return chosen


def direction_of(metric: str) -> int:
    """Returns whether more (1) or less (-1) of a metric is better, or neither (0)."""
    for metrics in METRICS.values():
        if metric in metrics:
            return metrics[metric].direction
    return -1 if metric == "truth_rmse" else 0
