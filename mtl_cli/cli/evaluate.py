"""`mtl-evaluate`: measures how well a trained model predicts a labelled table."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mtl_cli.core import plugins, tensorflow_runtime
from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.command_line import Parser, run_command
from mtl_cli.core.conditions import Condition, check_known, parse_condition
from mtl_cli.core.errors import ConfigError, fail, printable
from mtl_cli.core.paths import as_location
from mtl_cli.core.private_doors import exit_without_teardown
from mtl_cli.core.secrets import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtl_cli.evaluation.evaluate import EvaluationRequest
    from mtl_cli.evaluation.evaluation import Evaluation

PROGRAM = "mtl-evaluate"
FIX = "free the space, or name another file, and run the command again"
EXAMPLES = """examples:
  mtl-evaluate outputs/runs/NAME may.parquet --by city,new_user
  mtl-evaluate outputs/runs/NAME may.parquet --importance --html may.html
  mtl-evaluate outputs/runs/NAME --importance
  mtl-evaluate outputs/runs/NAME may.parquet --fail-if 'income.auc<0.91'
  mtl-evaluate outputs/sweeps/NAME may.parquet -o may && mtl-compare may
"""


def command() -> NoReturn:
    """Runs `mtl-evaluate`, and then ends the process without slow cleanup."""
    exit_without_teardown(main(sys.argv[1:]))


def main(command_line: list[str]) -> int:
    """Runs the command, and returns its exit code; see `run_command`."""
    return run_command(PROGRAM, lambda: evaluate(arguments(command_line)))


def arguments(command_line: list[str]) -> argparse.Namespace:
    """Parses the command line.

    Raises:
        ConfigError: if the command line is wrong.
    """
    parser = Parser(
        prog=PROGRAM,
        description="Evaluates the model of a run on a table with labels.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("run", metavar="RUN", help="the folder of a run, or of a sweep", type=Path)
    help_of_table = "files, folders, patterns or URLs (default: the validation rows)"
    add("table", metavar="TABLE", nargs="*", help=help_of_table)
    help_of_by = "columns of the table; each value, or range of numbers, is a slice"
    add("--by", metavar="A,B,...", default="", help=help_of_by)
    help_of_importance = "measure what each feature is worth to each task"
    add("--importance", action="store_true", help=help_of_importance)
    help_of_repeats = "shufflings of each feature for --importance (default: 10)"
    add("--repeats", metavar="N", type=int, default=10, help=help_of_repeats)
    add("--json", metavar="FILE", type=Path, help="write all numbers")
    add("--html", metavar="FILE", type=Path, help="write a page with charts")
    help_of_output = "the folder to write for a sweep; mtl-compare reads it"
    add("-o", "--output", metavar="FOLDER", type=Path, help=help_of_output)
    add("--force", action="store_true", help="overwrite FILE or FOLDER")
    check = "exit with 1 if this holds: 'income.auc<0.91'; may be repeated"
    add("--fail-if", metavar="EXPR", action="append", default=[], help=check)
    add("--plugins", metavar="FOLDER", action="append", default=[], type=Path)
    return parser.parse_intermixed_args(command_line)


def evaluate(options: argparse.Namespace) -> int:
    """Evaluates a run or a sweep; returns the exit code.

    Raises:
        MtlError: if the table or the model cannot be used, or a file cannot be written.
    """
    from mtl_cli.evaluation.sweep import is_sweep

    sweep_given = is_sweep(options.run)
    check_files(options, sweep_given)
    conditions = [
        parse_condition(text, "TASK.METRIC", "income.auc<0.91")
        for text in options.fail_if
    ]
    plugins.use_folders(options.plugins)
    tensorflow_runtime.load()
    return (evaluate_sweep if sweep_given else evaluate_run)(options, conditions)


def evaluate_run(options: argparse.Namespace, conditions: list[Condition]) -> int:
    """Evaluates a run, writes the files and prints the result; returns the code."""
    from mtl_cli.evaluation.evaluate import evaluate
    from mtl_cli.evaluation.loaded_run import load_run
    from mtl_cli.evaluation.page import page
    from mtl_cli.evaluation.screen import show_evaluation

    with progress() as on_progress:
        request = request_of(options, on_progress)
        table = as_location(options.table) if options.table else None
        evaluation, _ = evaluate(load_run(options.run), table, request)
    check_names(conditions, [evaluation])
    failed = failed_checks(conditions, evaluation)
    if options.json is not None:
        values = mask_secrets(evaluation.to_dict())
        text = json.dumps(values, indent=2, allow_nan=False)
        write(options.json, f"{text}\n")
    if options.html is not None:
        write(options.html, page(evaluation))
    show_evaluation(evaluation)
    for line in failed:
        fail(PROGRAM, f"--fail-if {line}", 1)
    return 1 if failed else 0


def evaluate_sweep(options: argparse.Namespace, conditions: list[Condition]) -> int:
    """Evaluates a sweep, writes the folder and prints a table; returns the code."""
    from mtl_cli.evaluation import sweep
    from mtl_cli.evaluation.screen import show_sweep

    table = as_location(options.table)
    target = options.output or sweep.default_target(options.run, table)
    sweep.check_target(target, options.force, target)
    with progress() as on_progress:
        request = request_of(options, on_progress)
        result = sweep.evaluate_sweep(
            options.run, table, target, request, options.force
        )
    check_names(conditions, [*result.evaluations.values()])
    failed = [
        f"--fail-if {line} of {name}"
        for name, evaluation in result.evaluations.items()
        for line in failed_checks(conditions, evaluation)
    ]
    show_sweep(result, target)
    failed += [f"{name}: {reason}" for name, reason in result.failed.items()]
    for line in failed:
        fail(PROGRAM, line, 1)
    return 1 if failed else 0


def request_of(
    options: argparse.Namespace, on_progress: "Callable[[str, int, int], None]"
) -> "EvaluationRequest":
    """Returns the request that the command line makes."""
    from mtl_cli.evaluation.evaluate import EvaluationRequest

    by = [column for column in options.by.split(",") if column]
    return EvaluationRequest(by, options.importance, options.repeats, on_progress)


def check_files(options: argparse.Namespace, is_sweep: bool) -> None:
    """Refuses files that cannot be written, before the work begins.

    Raises:
        ConfigError: if a file exists and `--force` is not given, if the folder of a
            file does not exist, or if a flag does not fit a run or a sweep.
    """
    if is_sweep and not options.table:
        raise ConfigError(f"TABLE: {options.run} is a sweep; name a table for its runs")
    if options.output is not None and not is_sweep:
        raise ConfigError(
            f"-o: {options.run} is not a sweep; write files with --json or --html"
        )
    for flag, path in (("--json", options.json), ("--html", options.html)):
        if path is None:
            continue
        if is_sweep:
            raise ConfigError(
                f"{flag}: {options.run} is a sweep; the folder of -o holds this file "
                "for each run"
            )
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
    """Writes a text file, or leaves the target unchanged if writing fails."""
    write_text(path, text, FIX, errors="replace")
    sys.stderr.write(printable(f"wrote {path}") + "\n")


def check_names(conditions: list[Condition], evaluations: "list[Evaluation]") -> None:
    """Checks that each condition is on a number that some evaluation has.

    Raises:
        ConfigError: if a condition names an unknown number.
    """
    names = [name for evaluation in evaluations for name in evaluation.numbers()]
    for condition in conditions:
        check_known(condition, names, "evaluation")


def failed_checks(conditions: list[Condition], evaluation: "Evaluation") -> list[str]:
    """Returns a line for each condition that is true or that cannot be checked."""
    numbers, lines = evaluation.numbers(), []
    for condition in conditions:
        value = numbers.get(condition.name)
        if value is None:
            lines.append(f"'{condition.text}': {condition.name} has no value")
        elif condition.holds(value):
            lines.append(f"'{condition.text}': {condition.name} = {value:.6g}")
    return lines


@contextmanager
def progress() -> "Iterator[Callable[[str, int, int], None]]":
    """Shows a progress bar on a terminal, and yields a function that moves the bar."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        bar = bars.add_task("loading", total=None)

        def move(description: str, done: int, total: int) -> None:
            bars.update(bar, description=description, completed=done, total=total)

        yield move


if __name__ == "__main__":
    command()
