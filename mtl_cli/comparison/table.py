"""Writes comparisons for people: tables and sentences on a terminal, or Markdown."""

import io
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.lines import TRAINING_TABLE_KEY
from mtl_cli.comparison.results import DatasetComparison, without_earlier_days
from mtl_cli.comparison.table_cells import headings, setting_cells, task_cells
from mtl_cli.comparison.terminal_tables import print_tables
from mtl_cli.core.message_text import counted, visible, without_autolinks
from mtl_cli.core.terminal import LINE_WIDTH

LEGEND = (
    "± is the 95 % t-interval over seeds. The difference is to the baseline, paired by "
    "seed. A verdict says whether retraining would give the same order and, if there "
    "are predictions, whether another test set would give it too. The test of "
    "retraining is a t-test over seeds. It estimates the noise from all configurations "
    "with similar noise, and not from the two compared ones only, so p may be smaller "
    "than ± suggests. Each p is corrected for the number of differences of the task "
    "(Holm): the chance that at least one of them is called real by error is at most "
    "5 %."
)
LINE_LEGEND = (
    "Lines are runs with start_from, day after day: their intervals are over days, and "
    "their differences paired by day. Ahead and behind compare the trained models and "
    "lines themselves: with one seed, nothing is known about training them again. "
    "Scenarios are not compared over days."
)


def legend(comparisons: Sequence[DatasetComparison]) -> str:
    """Explains the intervals and the verdicts of comparisons."""
    has_lines = any(c.is_in_line for x in comparisons for c in x.configurations)
    return f"{LEGEND} {LINE_LEGEND}" if has_lines else LEGEND


def all_warnings(comparisons: list[DatasetComparison]) -> list[str]:
    """Returns all warnings, with the data set's name if there are several."""
    if len(comparisons) == 1:
        return comparisons[0].warnings
    return [f"{c.dataset}: {text}" for c in comparisons for text in c.warnings]


def terminal_text(
    comparisons: list[DatasetComparison],
    line_comparisons: Sequence[DatasetComparison] = (),
) -> str:
    """Returns the tables and sentences of data sets and of lines, and the warnings.

    A line is a chain of runs, one per day, see `comparison.lines`. Earlier days than
    the last have no tables if lines are compared, or if only one line has runs on these
    days. In this case, a list has the scores of each day.
    """
    console, stream = memory_console()
    days = [c for c in comparisons if c.is_day_of_lines and len(c.configurations) == 1]
    if line_comparisons:
        days = []
        shown = without_earlier_days(comparisons)
    else:
        shown = [c for c in comparisons if c not in days[:-1]]
    if num_hidden := len(comparisons) - len(shown):
        hidden_days = counted(num_hidden, "earlier day")
        note = f"tables of {hidden_days} are in --json and --html"
        console.print(Text(note, style="dim"))
    for comparison in shown:
        if len(comparisons) > 1:
            console.rule(Text(f"data set {comparison.dataset}", style="bold"))
        print_comparison(comparison, console)
    if len(days) > 1:
        console.rule(Text(f"scores of {len(days)} days", style="bold"))
        for day in days:
            console.print(Text(day_text(day)))
    for comparison in line_comparisons:
        console.rule(Text(comparison.heading, style="bold"))
        print_comparison(comparison, console)
    everything = [*comparisons, *line_comparisons]
    bold = "The best score of each task is bold. " if console.is_terminal else ""
    console.print(Text(f"\n{bold}{legend(everything)}", style="dim"))
    for warning in all_warnings(everything):
        console.print(Text(visible(f"warning: {warning}"), style="yellow"))
    stream.seek(0)
    return stream.read()


def day_text(day: DatasetComparison) -> str:
    """Returns the model and training table of a day with one run, and its scores."""
    scores = [
        f"{t.name} {t.metric_title} {interval_text(t.scores[0].interval, t.decimals)}"
        for t in day.tasks
    ]
    table = day.baseline.settings.get(TRAINING_TABLE_KEY, "")
    return f"{day.baseline.model} {table}: {', '.join(scores)}"


def memory_console() -> tuple[Console, TextIO]:
    """Returns a console that writes into a stream in memory, and the stream.

    The text goes to stdout later, in one piece: stdout may be a file on a full disk,
    and `write_to_stdout` reports that error. The stream has the encoding of stdout,
    because rich chooses its characters by the encoding.
    """
    on_terminal = sys.stdout.isatty()
    encoding = sys.stdout.encoding or "utf-8"
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="replace")
    console = Console(file=stream, force_terminal=on_terminal, highlight=False)
    if not on_terminal:
        console.width = LINE_WIDTH
    return console, stream


def print_comparison(comparison: DatasetComparison, console: Console) -> None:
    """Prints the tables and the sentences of one data set."""
    summary = (
        f"{comparison.count_text}, {counted(comparison.num_runs, 'run')}, "
        f"{comparison.split} rows; baseline {comparison.baseline.name} "
        f"({comparison.baseline_reason})"
    )
    console.print(Text(summary))
    print_tables(comparison, console)
    for name, on_scenario in comparison.by_scenario.items():
        console.print(Text(f"scenario {name}", style="bold"))
        print_tables(on_scenario, console)
    for task in comparison.tasks:
        console.print(Text(task.title, style="bold"))
        for sentence in task.sentences:
            console.print(Text(f"  {sentence}"))


def as_markdown(
    comparisons: list[DatasetComparison],
    line_comparisons: Sequence[DatasetComparison] = (),
) -> str:
    """Returns Markdown tables; headings name data sets, scenarios and lines."""
    blocks = []  # headings and tables
    for comparison in comparisons:
        if len(comparisons) > 1:
            blocks.append(f"## {escaped(comparison.dataset)}\n")
        blocks.append(markdown_table(comparison))
        for name, on_scenario in comparison.by_scenario.items():
            blocks += [f"### {escaped(name)}\n", markdown_table(on_scenario)]
    for comparison in line_comparisons:
        title = escaped(comparison.heading)
        blocks += [f"## {title}\n", markdown_table(comparison)]
    return "\n".join(blocks)


def markdown_table(comparison: DatasetComparison) -> str:
    """Returns one Markdown table; the best score of each task is bold."""
    column_headings = headings(comparison, comparison.tasks)
    table_rows = [column_headings, ["---"] * len(column_headings)]
    for i in range(len(comparison.configurations)):
        row = setting_cells(comparison, i)
        for task in comparison.tasks:
            mean, *others = task_cells(task, task.scores[i])
            is_best = task.scores[i] is task.best
            row += [f"**{mean}**" if is_best else mean, *others]
        table_rows.append(row)
    return "".join(f"| {' | '.join(map(escaped, cells))} |\n" for cells in table_rows)


def escaped(cell: str) -> str:
    """Escapes the characters that begin code, HTML, links or images in Markdown.

    Somebody else's run could have a link as its name. Brackets without a link, as in
    `[64, 32]`, stay as they are.
    """
    text = visible(cell).replace("&", "&amp;").replace("<", "&lt;")
    text = text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    text = text.replace("](", "]\\(").replace("][", "]\\[")
    return without_autolinks(text)
