"""Writes comparisons at full precision, as CSV and JSON."""

import csv
import io
import json
from typing import Any

from mtl_cli.compare.comparison import Comparison
from mtl_cli.compare.sentences import sentences_by_task


def as_csv(comparisons: list[Comparison]) -> str:
    """Returns CSV with one row per data set, configuration and task."""
    rows = [row for comparison in comparisons for row in comparison.rows()]
    settings = [key for comparison in comparisons for key in comparison.shown_keys]
    headings = dict.fromkeys(["dataset", *settings, *(key for r in rows for key in r)])
    if len(comparisons) == 1:
        del headings["dataset"]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(headings), extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def as_json(comparisons: list[Comparison]) -> str:
    """Returns JSON; several data sets stand below their names."""
    by_dataset = {comparison.dataset: as_dict(comparison) for comparison in comparisons}
    (first, *others) = by_dataset.values()
    whole = {"datasets": by_dataset} if others else first
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """Returns everything about one data set."""
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
                "name": one.name,
                "settings": {k: one.settings.get(k) for k in comparison.shown_keys},
                "seeds": sorted(one.runs),
                "lost_seeds": sorted(run.seed for run in one.unscored_runs),
                "runs": [str(run.path) for _, run in sorted(one.runs.items())],
                "tasks": dict(comparison.score_dicts(i)),
            }
            for i, one in enumerate(comparison.configurations)
        ],
        "warnings": comparison.warnings,
    }
