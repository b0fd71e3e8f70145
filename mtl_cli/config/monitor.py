"""Finds the metrics that `trainer.monitor` names."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `mtl-init --help` imports this module, and should be quick
    from mtl_cli.heads.base import Output, OutputMetric

AUTO, MEAN = "auto", "mean"
# The key of `environment.json` that names the tasks which a mean over tasks leaves out.
UNMONITORED = "unmonitored_tasks"


def monitored_metrics(
    monitor: str, outputs: "list[Output]", left_out: Collection[str] = ()
) -> "list[OutputMetric]":
    """Returns (output, name of a metric) for each output that early stopping watches.

    Outputs that heads add are not watched, because they have no loss. `left_out` are
    the tasks that a mean over tasks leaves out, see `unmonitored_tasks` in
    `scoring/check_monitor.py`.
    """
    task_or_mean, _, metric_name = monitor.partition(".")
    outputs_of_tasks = [
        output
        for output in outputs
        if not output.added_by_heads and output.name not in left_out
    ]
    if monitor == AUTO:
        return [(output, output.task.proper_metric) for output in outputs_of_tasks]
    return [
        (output, metric_name or output.first_metric)
        for output in outputs_of_tasks
        if task_or_mean in (MEAN, output.name)
    ]


def metrics_of_run(
    monitor: str, outputs: "list[Output]", environment: dict[str, Any]
) -> "list[OutputMetric]":
    """Returns what a run has watched, whose `environment.json` holds `environment`."""
    return monitored_metrics(monitor, outputs, environment.get(UNMONITORED, []))
