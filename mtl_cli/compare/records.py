"""Everything at full precision: as CSV and JSON."""

import csv
import io
import json
from typing import Any

from mtl_cli.compare.comparison import Cell, Comparison, Task
from mtl_cli.compare.pairwise import Versus
from mtl_cli.compare.statistics import Test
from mtl_cli.compare.table import shown_keys
from mtl_cli.compare.verdicts import verdicts


def comma_separated(results: list[Comparison]) -> str:
    """Returns CSV with full precision: a row a data set, configuration and task."""
    stream = io.StringIO()
    keys = dict.fromkeys(key for result in results for key in shown_keys(result))
    rows = []
    for result in results:
        first = {"dataset": result.dataset} if len(results) > 1 else {}
        for one in as_json(result)["configurations"]:
            rows += [first | row for row in flat(one)]
    heads = dict.fromkeys(key for row in rows for key in row)
    first_heads = ["dataset"] * (len(results) > 1) + list(keys)
    last = [head for head in heads if head not in first_heads]
    writer = csv.DictWriter(stream, first_heads + last)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def flat(one: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the CSV rows of a configuration of the JSON."""
    rows = []
    for task, found in one["tasks"].items():
        row = {**one["settings"], "task": task}
        for key, inner in found.items():
            if key == "by_seed" or (key.startswith("to_") and inner is None):
                continue
            parts = inner if isinstance(inner, dict) else {"": inner}
            for name, each in parts.items():
                tests = each if isinstance(each, dict) else {"": each}
                for last, number in tests.items():
                    row[".".join(filter(None, (key, name, last)))] = number
        rows.append(row)
    return rows


def as_json(result: Comparison) -> dict[str, Any]:
    """Returns everything, at full precision."""
    texts = verdicts(result)
    return {
        "split": result.split,
        "baseline": result.baseline.name,
        "baseline_because": result.why,
        "settings": shown_keys(result),
        "tasks": {
            task.name: {
                "metric": task.metric,
                "direction": task.direction,
                "best": task.best and task.best.configuration.name,
                "best_chosen_on": task.chosen_on or None,
                "verdicts": texts[task.name],
            }
            for task in result.tasks
        },
        "configurations": [
            {
                "name": one.name,
                "settings": {k: one.settings.get(k) for k in shown_keys(result)},
                "seeds": sorted(one.runs),
                "lost_seeds": sorted(run.seed for run in one.lost),
                "runs": [str(run.path) for _, run in sorted(one.runs.items())],
                "tasks": {
                    task.name: cell_json(task.cells[i], task) for task in result.tasks
                },
            }
            for i, one in enumerate(result.configurations)
        ],
    }


def cell_json(cell: Cell, task: Task) -> dict[str, Any]:
    """Returns a cell's numbers."""
    return {
        "metric": task.metric,
        "mean": cell.mean and cell.mean.mean,
        "half_interval": cell.mean and cell.mean.half,
        "seeds": len(cell.values),
        "by_seed": {str(seed): value for seed, value in cell.values.items()},
        "rows": cell.counts[0],
        "positives": cell.counts[1],
        "best": cell is task.best,
        "to_baseline": versus_json(cell.against),
        "to_single_task": versus_json(cell.twin),
    }


def versus_json(versus: Versus | None) -> dict[str, Any] | None:
    """Returns a difference's numbers."""
    if versus is None:
        return None
    paired = versus.paired
    return {
        "verdict": versus.verdict,
        "real": versus.real,
        "paired_difference": paired and paired.mean,
        "paired_half_interval": paired and paired.half,
        "paired_seeds": paired.number if paired else 0,
        "over_seeds": test_json(versus.seeds, versus.seeds_p),
        "over_rows": test_json(versus.rows, versus.rows_p),
    }


def test_json(test: Test | None, corrected: float) -> dict[str, Any] | None:
    """Returns a test's numbers."""
    if test is None:
        return None
    return {
        "difference": test.difference,
        "half_interval": test.half,
        "p": test.p,
        "p_corrected": corrected,
    }


def json_text(results: list[Comparison]) -> str:
    """Returns the comparison as JSON, of several data sets by name."""
    found = {one.dataset: as_json(one) | {"warnings": one.warnings} for one in results}
    whole = {"datasets": found} if len(results) > 1 else found[results[0].dataset]
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"
