"""The metrics of all kinds of tasks, by their names."""

from functools import cache

from mtl_cli.core.plugins import OptionSource, sources
from mtl_cli.metrics.metric import Metric
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.tasks.base import AXIS, task_class


def metrics_named(name: str) -> list[Metric]:
    """Returns all different metrics with a name: first mtl-cli's, then plugins'.

    Several kinds may have different metrics with the same name, such as the `log_loss`
    of binary and of multiclass tasks.
    """
    return all_metrics().get(name, [])


def all_metrics() -> dict[str, list[Metric]]:
    """Returns {name: the metrics with this name}."""
    return _metrics_of_kinds(tuple(sources(AXIS).items()))


# A comparison asks for a metric of each task. The sources are in the key of the cache,
# because plugins may be registered later.
@cache
def _metrics_of_kinds(
    kinds: tuple[tuple[str, OptionSource], ...],
) -> dict[str, list[Metric]]:
    metrics = [m for kind, _ in kinds for m in task_class(kind).METRICS]
    by_name: dict[str, list[Metric]] = {}
    for metric in dict.fromkeys([truth_rmse, *metrics]):
        by_name.setdefault(metric.name, []).append(metric)
    return by_name
