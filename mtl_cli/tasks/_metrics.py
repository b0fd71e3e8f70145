"""The metrics of all kinds of tasks, by their names."""

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.plugins import sources
from mtl_cli.metrics.metric import Metric
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.tasks.base import AXIS, Task, task_class


def metrics_named(name: str) -> list[Metric]:
    """Returns all different metrics with a name.

    Two kinds of mtl-cli may have different metrics with the same name, such as the
    `log_loss` of binary and of multiclass tasks.
    """
    return [metric for metric in all_metrics() if metric.name == name]


def check_metric_names(task: Task) -> Task:
    """Returns the task after checking the metrics' names, if a plugin has its kind.

    Raises:
        ConfigError: see `all_metrics`.
    """
    source = sources(AXIS).get(task.kind)
    if source is not None and source.is_plugin:
        all_metrics()
    return task


def all_metrics() -> list[Metric]:
    """Returns the different metrics of all kinds of tasks.

    Raises:
        ConfigError: if a plugin has a metric with the name of another metric.
            `mtl-compare` knows metrics only by their names.
    """
    label_by_metric = {truth_rmse: "mtl-cli"}  # {metric: the source that has it}
    for kind, source in sources(AXIS).items():  # the kinds of mtl-cli come first
        for metric in task_class(kind).METRICS:
            if metric in label_by_metric:
                continue
            labels_by_name = {m.name: label for m, label in label_by_metric.items()}
            if source.is_plugin and metric.name in labels_by_name:
                raise ConfigError(
                    f"{source.label}: the name {metric.name!r} belongs to a metric of "
                    f"{labels_by_name[metric.name]} already; take another name, or "
                    "import it"
                )
            label_by_metric[metric] = source.label
    return list(label_by_metric)
