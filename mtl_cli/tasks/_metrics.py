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
    return [m for m in all_metrics(tuple(sources(AXIS).items())) if m.name == name]


# A comparison asks for a metric of each task. The sources are in the key of the cache,
# because plugins may be registered later.
@cache
def all_metrics(kinds: tuple[tuple[str, OptionSource], ...]) -> list[Metric]:
    metrics = [m for kind, _ in kinds for m in task_class(kind).METRICS]
    return list(dict.fromkeys([truth_rmse, *metrics]))
