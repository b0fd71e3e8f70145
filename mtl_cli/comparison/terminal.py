"""Writes comparisons as text for a terminal."""

import io
import sys

from rich.console import Console
from rich.text import Text

from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.sentences import sentences_by_task
from mtl_cli.comparison.table import print_tables
from mtl_cli.core.errors import visible
from mtl_cli.core.terminal import LINE_WIDTH

LEGEND = (
    "± is the 95 % t-interval over seeds. The difference is to the baseline, paired by "
    "seed. A verdict says whether retraining would give the same order and, if there "
    "are predictions, whether another test set would give it too. The test of "
    "retraining is a t-test over seeds; it pools the noise of all configurations with "
    "similar noise, so p may be smaller than ± suggests. The chance that any real "
    "difference of a task is an error is 5 % (Holm)."
)


def all_warnings(comparisons: list[DatasetComparison]) -> list[str]:
    """Returns all warnings, with the data set's name if there are several."""
    if len(comparisons) == 1:
        return comparisons[0].warnings
    return [f"{c.dataset}: {line}" for c in comparisons for line in c.warnings]


def terminal_text(comparisons: list[DatasetComparison]) -> str:
    """Returns the tables and sentences of each data set, and the warnings."""
    on_terminal, encoding = sys.stdout.isatty(), sys.stdout.encoding or "utf-8"
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="replace")
    console = Console(file=stream, force_terminal=on_terminal, highlight=False)
    if not on_terminal:
        console.width = LINE_WIDTH
    for comparison in comparisons:
        if len(comparisons) > 1:
            console.rule(Text(f"data set {comparison.dataset}", style="bold"))
        print_comparison(comparison, console)
    console.print(Text(f"\n{LEGEND}", style="dim"))
    for line in all_warnings(comparisons):
        console.print(Text(visible(f"warning: {line}"), style="yellow"))
    stream.seek(0)
    return stream.read()


def print_comparison(comparison: DatasetComparison, console: Console) -> None:
    """Prints the tables and the sentences of one data set."""
    count = len(comparison.configurations)
    console.print(
        Text(
            f"{count} configuration{'s' * (count != 1)}, {comparison.num_runs} runs, "
            f"{comparison.split} rows; baseline {comparison.baseline.name} "
            f"({comparison.baseline_reason})"
        )
    )
    print_tables(comparison, console)
    for name, scenario in comparison.by_scenario.items():
        console.print(Text(f"scenario {name}", style="bold"))
        print_tables(scenario, console)
    sentences = sentences_by_task(comparison)
    for task in comparison.tasks:
        console.print(Text(task.title, style="bold"))
        for line in sentences[task.name]:
            console.print(Text(f"  {line}"))
