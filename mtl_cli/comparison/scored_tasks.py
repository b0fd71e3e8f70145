"""Makes the tasks of a comparison from the scores that runs recorded."""

from collections.abc import Sequence

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.task import Task, score_of
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import printable, suggest
from mtl_cli.metrics.score_dict import Score as RecordedScore
from mtl_cli.metrics.score_dict import metrics_of
from mtl_cli.tasks._metrics import metrics_named


def scored_tasks(
    configurations: list[Configuration],
    split: str,
    metric: str | None,
    task_names: Sequence[str],
) -> list[Task]:
    """Returns the tasks that have the metric, with scores but without differences.

    The metric None stands for the first recorded metric of each task, and empty
    `task_names` for all tasks.

    Raises:
        ConfigError: if no run has one of the named tasks, or no task has the metric.
    """
    recorded_by_task = recorded_scores(configurations, split)
    for name in task_names:
        if name not in recorded_by_task:
            known_tasks = list(recorded_by_task)
            raise ConfigError(
                f"--task: no run has scores of the task '{name}'; known: "
                f"{', '.join(known_tasks)}{suggest(name, known_tasks)}"
            )
    tasks = []
    known_metrics: dict[str, None] = {}  # a set in the order of the metrics
    for name, recorded in recorded_by_task.items():
        if task_names and name not in task_names:
            continue
        metrics = dict.fromkeys(m for score in recorded for m in metrics_of(score))
        known_metrics |= metrics
        first_metric = next(iter(metrics), None)
        compared_metric = first_metric if metric is None else metric
        if compared_metric in metrics:
            task = scored_task(configurations, split, name, compared_metric, recorded)
            tasks.append(task)
    if not tasks:
        raise ConfigError(
            f"--metric: no task has the metric '{metric}'; known: "
            f"{', '.join(known_metrics)}{suggest(str(metric), list(known_metrics))}"
        )
    return tasks


def recorded_scores(
    configurations: list[Configuration], split: str
) -> dict[str, list[RecordedScore]]:
    """Returns {task: the scores of all runs} on a split, from `metrics.json`."""
    recorded_by_task: dict[str, list[RecordedScore]] = {}
    for configuration in configurations:
        for run in configuration.runs.values():
            for name, score in run.metrics.get(split, {}).items():
                recorded_by_task.setdefault(name, []).append(score)
    return recorded_by_task


def scored_task(
    configurations: list[Configuration],
    split: str,
    name: str,
    metric: str,
    recorded: list[RecordedScore],
) -> Task:
    """Returns a task with the scores of configurations, on all rows and by scenario.

    `recorded` are the scores of all runs on the task, from `metrics.json`.
    """
    known_metrics = metrics_named(metric)
    direction = known_metrics[0].direction if known_metrics else 0
    spaces = {str(score.get("space", "")) for score in recorded}
    space = printable(spaces.pop()) if len(spaces) == 1 else ""
    scenarios = dict.fromkeys(
        s for score in recorded for s in score.get("scenarios", {})
    )

    tasks = [
        Task(
            name=name,
            metric=metric,
            direction=direction,
            scores=[score_of(c, split, name, metric, rows) for c in configurations],
            is_metric_known=bool(known_metrics),
            space=space,
            scenario=rows,
        )
        for rows in ("", *scenarios)
    ]
    tasks[0].scenarios = tasks[1:]
    return tasks[0]
