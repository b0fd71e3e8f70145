"""Prints evaluations on the terminal."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from mtl_cli.core.message_text import printable
from mtl_cli.core.plugins import plugin_flags
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.terminal import new_console
from mtl_cli.evaluation.results import EvaluationResults
from mtl_cli.evaluation.sections import sections
from mtl_cli.runs.console import print_cells
from mtl_cli.runs.text_tables import Cells, text_with_interval

if TYPE_CHECKING:
    from mtl_cli.evaluation.several_runs import Evaluations


def show_evaluation(evaluation: EvaluationResults) -> None:
    console = new_console()
    title = f"{evaluation.run} on {evaluation.table_name}: {evaluation.rows:,} rows"
    print_line(console, title, "bold")
    for section in sections(evaluation, shorten=True):
        console.print()
        print_line(console, section.title, "bold")
        for cells in section.tables:
            print_cells(console, cells)
        for line in section.lines:
            print_line(console, line)
    for line in evaluation.remarks:
        print_line(console, f"warning: {line}", "yellow")


def show_evaluations(result: "Evaluations", target: Path) -> None:
    console = new_console()
    print_cells(console, main_metric_table(result.evaluations))
    for name, status in result.skipped.items():
        print_line(console, f"warning: {name} is not evaluated: {status}", "yellow")
    remarks = {text for e in result.evaluations.values() for text in e.remarks}
    for text in sorted(remarks):
        print_line(console, f"warning: {text}", "yellow")
    print_line(console, f"folder:   {target}")
    command = ["mtl-compare", str(target), *plugin_flags()]
    print_line(console, f"try next: {shlex.join(command)}")


def main_metric_table(evaluations: Mapping[str, EvaluationResults]) -> Cells:
    """Returns a table with one row per run: the main metric of each task.

    Runs may have different main metrics for one task. Each metric has its own column.
    """
    columns = dict.fromkeys(
        (task, task_result["main_metric"])
        for evaluation in evaluations.values()
        for task, task_result in evaluation.tasks.items()
    )
    titles = [f"{task} {metric.replace('_', ' ')}" for task, metric in columns]
    table = [["run", *titles]]
    for name, evaluation in evaluations.items():
        row = [name]
        for task, metric in columns:
            value = evaluation.tasks.get(task, {}).get("metrics", {}).get(metric)
            row.append("-" if value is None else text_with_interval(value))
        table.append(row)
    return table


def print_line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(mask_secrets(text)), style=style))
