"""The headings and cells of the table of a comparison, as text."""

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.task import Score, Task


def headings(comparison: DatasetComparison, tasks: list[Task]) -> list[str]:
    keys = comparison.shown_keys
    texts = [short_key(key, keys) for key in keys]
    texts.append("days" if comparison.is_of_lines else "seeds")
    for task in tasks:
        texts += [f"{task.name} {task.metric_title}", "difference", "verdict"]
        texts += [f"to {twin.replace('_', ' ')}" for twin in task.shown_twins]
    return texts


def setting_cells(comparison: DatasetComparison, i: int) -> list[str]:
    """Returns the first cells of a row: settings, and the number of seeds."""
    configuration = comparison.configurations[i]
    settings = comparison.shown_settings(configuration).values()
    return [*(value or "" for value in settings), configuration.replicate_count]


def task_cells(task: Task, score: Score) -> list[str]:
    """Returns the cells of one configuration in the columns of one task."""
    cells = [interval_text(score.interval, task.decimals)]
    to_baseline = score.differences.get("baseline")
    if to_baseline is None:
        cells += ["", "baseline"]
    else:
        difference = interval_text(to_baseline.interval, task.decimals, "+")
        cells += [difference, to_baseline.verdict]
    for twin in task.shown_twins:
        to_twin = score.differences.get(twin)
        cell = ""
        if to_twin is not None and to_twin.interval is not None:
            cell = f"{to_twin.interval.mean:+.{task.decimals}f}"
            if to_twin.is_real:
                cell += f" {to_twin.verdict}"
        cells.append(cell)
    return cells
