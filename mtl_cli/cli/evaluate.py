"""`mtl-evaluate`: how good a trained model is on a labelled table, and why."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mtl_cli.core import plugins, signals, tensorflow_runtime
from mtl_cli.core.atomic_write import replacing
from mtl_cli.core.command_line import Parser
from mtl_cli.core.conditions import Condition, check_known, parse_condition
from mtl_cli.core.errors import ConfigError, MtlError, fail, printable
from mtl_cli.core.private_doors import exit_without_teardown
from mtl_cli.core.signals import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from mtl_cli.assessment.evaluation import Evaluation

PROGRAM = "mtl-evaluate"
WIDTH = 120  # of the output if it is no terminal
FIX = "free the space, or name another file, and run the command again"
EXAMPLES = """examples:
  mtl-evaluate outputs/runs/NAME may.parquet --by city,new_user
  mtl-evaluate outputs/runs/NAME may.parquet --importance --html may.html
  mtl-evaluate outputs/runs/NAME --importance
  mtl-evaluate outputs/runs/NAME may.parquet --fail-if 'income.auc<0.91'
"""


def command() -> NoReturn:
    """Runs `mtl-evaluate` as a process of its own, and ends the process quickly."""
    exit_without_teardown(main(sys.argv[1:]))


def main(command_line: list[str]) -> int:
    """Evaluates; returns the exit code: 0 done, 1 a check failed, 2 wrong, 130, 143."""
    signals.install()
    try:
        return evaluate(arguments(command_line))
    except MtlError as error:
        return fail(PROGRAM, str(error), error.exit_code)
    except Stopped as stop:
        return fail(PROGRAM, f"{stop}; nothing was written", stop.code)
    except BrokenPipeError:  # `mtl-evaluate ... | head` closes the output early
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def arguments(command_line: list[str]) -> argparse.Namespace:
    """Returns the values of the command line.

    Raises:
        ConfigError: if the command line is wrong.
    """
    parser = Parser(
        prog=PROGRAM,
        description="Evaluates the model of a run on a table with labels.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("run", metavar="RUN", help="the run folder", type=Path)
    help_of_table = "a file, folder, pattern or URL (default: the validation rows)"
    add("table", metavar="TABLE", nargs="?", help=help_of_table)
    help_of_by = "columns of the table; each value, or range of numbers, is a slice"
    add("--by", metavar="A,B,...", default="", help=help_of_by)
    help_of_importance = "measure what each feature is worth to each task"
    add("--importance", action="store_true", help=help_of_importance)
    help_of_repeats = "shufflings of each feature for --importance (default: 10)"
    add("--repeats", metavar="N", type=int, default=10, help=help_of_repeats)
    add("--json", metavar="FILE", type=Path, help="write all numbers")
    add("--html", metavar="FILE", type=Path, help="write a page with charts")
    add("--force", action="store_true", help="overwrite FILE")
    check = "exit with 1 if this holds: 'income.auc<0.91'; may be repeated"
    add("--fail-if", metavar="EXPR", action="append", default=[], help=check)
    add("--plugins", metavar="FOLDER", action="append", default=[], type=Path)
    return parser.parse_args(command_line)


def evaluate(options: argparse.Namespace) -> int:
    """Evaluates a model, prints the result and writes the files; returns the code.

    Raises:
        MtlError: if the table or the model cannot be used, or a file not be written.
    """
    check_files(options)
    conditions = [
        parse_condition(text, "TASK.METRIC", "income.auc<0.91")
        for text in options.fail_if
    ]
    plugins.use_folders(options.plugins)
    tensorflow_runtime.load()
    from mtl_cli.assessment.evaluate import Request, evaluate
    from mtl_cli.assessment.model import load_model
    from mtl_cli.assessment.page import page

    by = [column for column in options.by.split(",") if column]
    with progress() as on_progress:
        request = Request(by, options.importance, options.repeats, on_progress)
        evaluation, _ = evaluate(load_model(options.run), options.table, request)
    failed = failed_checks(conditions, evaluation)
    if options.json is not None:
        text = json.dumps(evaluation.to_dict(), indent=2, allow_nan=False)
        write(options.json, f"{text}\n")
    if options.html is not None:
        write(options.html, page(evaluation))
    show(evaluation)
    for line in failed:
        fail(PROGRAM, f"--fail-if {line}", 1)
    return 1 if failed else 0


def check_files(options: argparse.Namespace) -> None:
    """Refuses files that cannot be written, before the work begins.

    Raises:
        ConfigError: if a file exists, and `--force` is not given, or its folder does
            not exist.
    """
    for flag, path in (("--json", options.json), ("--html", options.html)):
        if path is None:
            continue
        if path.exists() and not (options.force and path.is_file()):
            raise ConfigError(
                f"{flag}: {path} exists; choose another, or --force overwrites a file"
            )
        if not path.parent.is_dir():
            raise ConfigError(
                f"{flag}: there is no folder {path.parent}; make it first"
            )
    if options.json is not None and options.json == options.html:
        raise ConfigError(f"--html: {options.html} is the file of --json too")


def write(path: Path, text: str) -> None:
    """Writes a text file whole or not at all."""
    with replacing(path, FIX) as temporary:
        temporary.write_text(text, "utf-8", errors="replace")
    sys.stderr.write(printable(f"wrote {path}") + "\n")


def failed_checks(conditions: list[Condition], evaluation: "Evaluation") -> list[str]:
    """Returns one line for each condition that holds, or cannot be checked.

    Raises:
        ConfigError: if a condition names an unknown number.
    """
    numbers, lines = evaluation.numbers(), []
    for condition in conditions:
        check_known(condition, numbers, "evaluation")
        value = numbers[condition.name]
        if value is None:
            lines.append(f"'{condition.text}': {condition.name} is undefined")
        elif condition.holds(value):
            lines.append(f"'{condition.text}': {condition.name} = {value:.6g}")
    return lines


@contextmanager
def progress() -> "Iterator[Callable[[str, int, int], None]]":
    """Shows a bar on a terminal; yields a function that moves it."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        bar = bars.add_task("loading", total=None)

        def move(what: str, done: int, total: int) -> None:
            bars.update(bar, description=what, completed=done, total=total)

        yield move


def show(evaluation: "Evaluation") -> None:
    """Prints the tables and sentences of an evaluation."""
    from rich.console import Console
    from rich.text import Text

    from mtl_cli.assessment.sections import sections

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = WIDTH
    title = f"{evaluation.run} on {evaluation.table_name}: {evaluation.rows:,} rows"
    console.print(Text(printable(title), style="bold"))
    for section in sections(evaluation):
        console.print(Text(printable(f"\n{section.title}").strip(), style="bold"))
        for cells in section.tables:
            print_table(cells, console)
        for line in section.lines:
            console.print(Text(printable(line)))
    for line in evaluation.remarks:
        console.print(Text(printable(f"warning: {line}"), style="yellow"))


def print_table(cells: list[list[str]], console: "Console") -> None:
    """Prints a table without cutting cells."""
    from rich.box import SIMPLE_HEAD
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    header, *rows = [[Text(printable(cell)) for cell in row] for row in cells]
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    width = console.width
    wide = console.options.update(max_width=10_000)
    console.width = max(width, Measurement.get(console, wide, table).maximum)
    console.print(table)
    console.width = width


if __name__ == "__main__":
    command()
