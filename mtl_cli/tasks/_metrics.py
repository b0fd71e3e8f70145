"""The metrics of all kinds of tasks, by their names."""

from mtl_cli.core.plugins import sources
from mtl_cli.metrics.metric import Metric
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.tasks.base import AXIS, task_class


def metrics_named(name: str) -> list[Metric]:
    """Returns all different metrics with a name: first mtl-cli's, then plugins'.

    Several kinds may have different metrics with the same name, such as the `log_loss`
    of binary and of multiclass tasks.
    """
    metrics = [m for kind in sources(AXIS) for m in task_class(kind).METRICS]
    return [m for m in dict.fromkeys([truth_rmse, *metrics]) if m.name == name]
