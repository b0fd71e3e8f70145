"""Tests over test rows for the differences that a comparison reports."""

import math
from collections.abc import Callable

from mtl_cli.compare.comparison import Cell, Comparison, Task
from mtl_cli.compare.configurations import Configuration
from mtl_cli.compare.predictions import Predictions, UnusableError, read_predictions
from mtl_cli.compare.versus import OTHER

MOST_TESTED = 20  # configurations whose test rows are read
MOST_ROWS = {"auc": 20_000_000}  # predictions that are read
MOST_ROWS_DRAWN = 1_000_000  # of a metric for which rows are drawn anew 200 times


def test_rows(result: Comparison) -> None:
    """Adds tests over test rows, of as many configurations as are read in seconds."""
    chosen = to_test(result)
    left_out = len(result.configurations) - len(chosen)
    if left_out > 0:
        result.notes.append(
            f"test rows were read of {len(chosen)} configurations, the baseline and "
            f"the best ones; the verdicts on {left_out} others are from seeds alone"
        )
    for task in result.tasks:
        reasons: dict[str, None] = {}
        read = reader(result.split, task, reasons)
        for cell in task.cells:
            for each in (cell.against, cell.twin):
                if each is None or each.verdict == OTHER:
                    continue
                pair = [cell.configuration, each.other]
                if all(one in chosen for one in pair):
                    mine, others = map(read, pair)
                    if mine is not None and others is not None:
                        each.rows = mine.test(others)
        if reasons:
            first, *more = reasons
            others_too = f" (and {len(more)} more like it)" if more else ""
            result.notes.append(
                f"{task.name}: verdicts are from seeds alone where test rows cannot "
                f"be compared: {first}{others_too}"
            )


def to_test(result: Comparison) -> list[Configuration]:
    """Returns the configurations whose rows are read: the baseline, then the best."""
    task = result.tasks[0]
    sign = task.direction or 1

    def place(cell: Cell) -> float:
        return -sign * cell.mean.mean if cell.mean else math.inf

    best_first = [cell.configuration for cell in sorted(task.cells, key=place)]
    others = [one for one in best_first if one is not result.baseline]
    ordered = [result.baseline, *others]
    room = min(MOST_ROWS.get(t.metric, MOST_ROWS_DRAWN) for t in result.tasks)
    chosen = []
    for one in ordered[:MOST_TESTED]:
        for run in one.runs.values():
            rows = run.metrics.get(result.split, {}).get(task.name, {}).get("rows")
            room -= rows if isinstance(rows, int) else 0
        if room < 0:
            break
        chosen.append(one)
    return chosen


def reader(
    split: str, task: Task, reasons: dict[str, None]
) -> Callable[[Configuration], Predictions | None]:
    """Returns a function that reads predictions once, and notes why it cannot."""
    kept: dict[Configuration, Predictions | None] = {}

    def read(one: Configuration) -> Predictions | None:
        if one not in kept:
            try:
                kept[one] = read_predictions(one, split, task.name, task.metric)
            except UnusableError as reason:
                kept[one] = None
                reasons[f"{one.name}: {reason}"] = None
        return kept[one]

    return read
