"""Tests over test rows for the differences that a comparison reports."""

from collections.abc import Callable

from mtl_cli.compare.comparison import Comparison, Task
from mtl_cli.compare.configurations import Configuration
from mtl_cli.compare.pairwise import MISSING, OTHER
from mtl_cli.compare.predictions import (
    OtherRowsError,
    Predictions,
    UnusableError,
    read_predictions,
)

MOST_TESTED = 20  # configurations whose test rows are read
MOST_ROWS = {"auc": 20_000_000}  # predictions that are read
MOST_ROWS_DRAWN = 1_000_000  # of a metric for which rows are drawn anew 200 times


def test_rows(result: Comparison) -> None:
    """Adds tests over test rows, of as many configurations as are read in seconds."""
    for task in result.tasks:
        chosen = to_test(task, result)
        left_out = sum(cell.mean is not None for cell in task.cells) - len(chosen)
        if left_out > 0:
            result.notes.append(
                f"{task.name}: test rows were read of {len(chosen)} configurations, "
                f"the baseline and the best ones; the verdicts on {left_out} others "
                "are from seeds alone"
            )
        reasons = test_task(task, chosen, result.split)
        if reasons:
            first, *more = reasons
            others_too = f" (and {len(more)} more like it)" if more else ""
            result.notes.append(
                f"{task.name}: verdicts are from seeds alone where test rows cannot "
                f"be compared: {first}{others_too}"
            )


def test_task(task: Task, chosen: list[Configuration], split: str) -> list[str]:
    """Adds a task's tests; returns why some could not be made.

    Args:
        task: whose differences are tested.
        chosen: configurations whose rows are read.
        split: of the rows.
    """
    reasons: dict[str, None] = {}
    read = reader(split, task)
    for cell in task.cells:
        for each in (cell.against, cell.twin):
            if each is None or each.verdict in (MISSING, OTHER):
                continue
            if not {cell.configuration, each.other} <= set(chosen):
                continue
            try:
                each.rows = read(cell.configuration).test(read(each.other))
            except OtherRowsError:
                each.withdraw()
            except UnusableError as reason:
                reasons[str(reason)] = None
    return list(reasons)


def to_test(task: Task, result: Comparison) -> list[Configuration]:
    """Returns the configurations whose rows are read: the baseline, then the best."""
    sign = task.direction or 1
    placed = [
        (one.configuration is not result.baseline, -sign * one.mean.mean, i)
        for i, one in enumerate(task.cells)
        if one.mean is not None
    ]
    ordered = [task.cells[i].configuration for *_, i in sorted(placed)]
    room = MOST_ROWS.get(task.metric, MOST_ROWS_DRAWN)
    chosen = []
    for one in ordered[:MOST_TESTED]:
        for run in one.runs.values():
            rows = run.metrics.get(result.split, {}).get(task.name, {}).get("rows")
            room -= rows if isinstance(rows, int) else 0
        if room < 0:
            break
        chosen.append(one)
    return chosen


def reader(split: str, task: Task) -> Callable[[Configuration], Predictions]:
    """Returns a function that reads each configuration's predictions once.

    It raises UnusableError, each time again, where they cannot be used.
    """
    kept: dict[Configuration, Predictions | UnusableError] = {}

    def read(one: Configuration) -> Predictions:
        if one not in kept:
            try:
                kept[one] = read_predictions(one, split, task.name, task.metric)
            except UnusableError as reason:
                kept[one] = type(reason)(f"{one.name}: {reason}")
        found = kept[one]
        if isinstance(found, UnusableError):
            raise found
        return found

    return read
