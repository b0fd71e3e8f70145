"""Writes comparisons at full precision, as CSV and JSON."""

import json
from typing import Any

from mtl_cli.comparison.csv_text import csv_text
from mtl_cli.comparison.results import DatasetComparison, Task
from mtl_cli.comparison.sentences import sentences_by_task


def as_csv(comparisons: list[DatasetComparison]) -> str:
    """Returns CSV with the rows of `DatasetComparison.rows`.

    The column `dataset` is left out if there is only one data set.
    """
    rows = [row for comparison in comparisons for row in comparison.rows()]
    settings = [key for comparison in comparisons for key in comparison.shown_keys]
    # A dict, because it keeps each key once and in order.
    headings = dict.fromkeys(
        ["dataset", *settings, *(key for row in rows for key in row)]
    )
    if len(comparisons) == 1:
        del headings["dataset"]
    return csv_text(headings, rows)


def as_json(comparisons: list[DatasetComparison]) -> str:
    """Returns the comparison of one data set as a JSON object.

    For several data sets, the object is {"datasets": {name of the data set: its
    comparison}}.
    """
    if len(comparisons) == 1:
        value = as_dict(comparisons[0])
    else:
        value = {"datasets": {c.dataset: as_dict(c) for c in comparisons}}
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def as_dict(comparison: DatasetComparison) -> dict[str, Any]:
    """Returns the comparison of one data set as JSON values."""
    sentences = sentences_by_task(comparison)
    return {
        "split": comparison.split,
        "baseline": comparison.baseline.name,
        "baseline_because": comparison.baseline_reason,
        "settings": comparison.shown_keys,
        "tasks": {
            task.name: {
                "metric": task.metric,
                "direction": task.direction,
                "best": task.best and task.best.configuration.name,
                "best_chosen_on": task.best_chosen_on or None,
                "verdicts": sentences[task.name],
            }
            for task in comparison.tasks
        },
        "configurations": [
            {
                "name": c.name,
                "settings": comparison.shown_settings(c),
                "seeds": sorted(c.runs),
                "lost_seeds": sorted(run.seed for run in c.unscored_runs),
                "runs": [str(folder) for folder in c.folders],
                "tasks": {
                    task.name: score_with_scenarios(task, i)
                    for task in comparison.tasks
                },
            }
            for i, c in enumerate(comparison.configurations)
        ],
        "warnings": comparison.warnings,
    }


def score_with_scenarios(task: Task, i: int) -> dict[str, Any]:
    """Returns the score of the i-th configuration on all rows, and by scenario."""
    score = task.score_dict(i)
    if task.scenarios:
        score["scenarios"] = {t.scenario: t.score_dict(i) for t in task.scenarios}
    return score
