"""The table: for the terminal, as Markdown, CSV and JSON."""

import csv
import io
import json
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mtl_cli.compare.comparison import Cell, Comparison, Task
from mtl_cli.compare.configurations import Configuration, short
from mtl_cli.compare.numbers import decimals, interval
from mtl_cli.compare.statistics import Test
from mtl_cli.compare.verdicts import verdicts
from mtl_cli.compare.versus import FEW, OTHER, ROWS, SAME, Versus

SHORT = {SAME: "not real", ROWS: "rows only", FEW: "few seeds", OTHER: "other rows"}
STYLES = {"better": "green", "worse": "red"}


def shown_keys(result: Comparison) -> list[str]:
    """Returns the columns of settings: those that differ, else the model."""
    return result.keys or ["model.name"]


def title(task: Task) -> str:
    """Returns a task's head: its name, metric and direction."""
    words = {1: "higher is better", -1: "lower is better", 0: "no direction"}
    return f"{task.name}: {task.metric.replace('_', ' ')}, {words[task.direction]}"


def has_twins(task: Task) -> bool:
    """Returns whether a column on single-task twins says something new."""
    return any(
        cell.twin
        and (cell.against is None or cell.twin.other is not cell.against.other)
        for cell in task.cells
    )


def task_heads(task: Task) -> list[str]:
    """Returns the heads of a task's columns."""
    return [
        f"{task.name} {task.metric.replace('_', ' ')}",
        "difference",
        "",
        *(["to single task"] if has_twins(task) else []),
    ]


def task_cells(task: Task, cell: Cell) -> list[str]:
    """Returns a configuration's cells on a task."""
    places = decimals(task)
    against = cell.against
    cells = [interval(cell.mean, places)]
    if against is None:
        cells += ["", "baseline"]
    else:
        cells += [interval(against.difference, places, "+"), against.verdict]
    if has_twins(task):
        cells.append(gain(cell.twin, places))
    return cells


def gain(twin: Versus | None, places: int) -> str:
    """Returns the difference to the twin, and whether it is real."""
    if twin is None or twin.difference is None:
        return ""
    word = f" {twin.verdict}" if twin.real else ""
    return f"{twin.difference.mean:+.{places}f}{word}"


def seeds(one: Configuration) -> str:
    """Returns how many seeds are done, and of how many if some are not."""
    return f"{len(one.runs)}" + (
        f"/{len(one.runs) + len(one.lost)}" if one.lost else ""
    )


def print_tables(result: Comparison, console: Console) -> None:
    """Prints one table if it fits, else one a task."""
    whole = rich_table(result, result.tasks)
    unlimited = console.options.update(max_width=10_000)
    if Measurement.get(console, unlimited, whole).maximum <= console.width:
        console.print(whole)
        return
    for task in result.tasks:
        console.print(rich_table(result, [task]))


def rich_table(result: Comparison, tasks: list[Task]) -> Table:
    """Returns a table of some tasks; the best is bold."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    keys = shown_keys(result)
    for key in keys:
        head = short(key, keys)
        table.add_column(head, overflow="fold", min_width=min(len(head), 16))
    table.add_column("seeds", justify="right", no_wrap=True)
    for task in tasks:
        for head in task_heads(task):
            side: Any = "right" if head else "left"
            table.add_column(head, justify=side, no_wrap=True)
    for i, one in enumerate(result.configurations):
        row = [Text(one.settings.get(key, "")) for key in keys] + [Text(seeds(one))]
        for task in tasks:
            cell = task.cells[i]
            mean, difference, verdict, *more = task_cells(task, cell)
            row.append(Text(mean, style="bold" if cell is task.best else ""))
            row.append(Text(difference))
            word = SHORT.get(verdict, verdict)
            row.append(Text(word, style=STYLES.get(verdict, "")))
            row += [Text(text) for text in more]
        table.add_row(*row)
    return table


def markdown(results: list[Comparison]) -> str:
    """Returns a Markdown table, of several data sets one each below its name."""
    if len(results) == 1:
        return markdown_table(results[0])
    parts = [f"## {plain(one.dataset)}\n\n{markdown_table(one)}" for one in results]
    return "\n".join(parts)


def markdown_table(result: Comparison) -> str:
    """Returns a Markdown table."""
    keys = shown_keys(result)
    heads = [short(key, keys) for key in keys] + ["seeds"]
    rows = []
    for task in result.tasks:
        heads += [head or "verdict" for head in task_heads(task)]
    for i, one in enumerate(result.configurations):
        row = [one.settings.get(key, "") for key in keys] + [seeds(one)]
        for task in result.tasks:
            cells = task_cells(task, task.cells[i])
            if task.cells[i] is task.best:
                cells[0] = f"**{cells[0]}**"
            row += cells
        rows.append(row)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(plain, cells))} |\n" for cells in lines)


def plain(cell: str) -> str:
    """Returns a text that keeps its cell of a Markdown table."""
    return cell.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


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
