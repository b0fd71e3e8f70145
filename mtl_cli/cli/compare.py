"""`mtl-compare`: says which model is better, by how much, and how surely."""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mtl_cli.core.atomic_write import RUN_AGAIN, check_folder_of, write_text
from mtl_cli.core.command_line import Parser, nonempty_path, run_command
from mtl_cli.core.conditions import add_fail_if, report_failures
from mtl_cli.core.errors import ConfigError, tell
from mtl_cli.core.private_apis import exit_without_teardown
from mtl_cli.core.standard_streams import drop_output, write_to_stdout

if TYPE_CHECKING:  # `--help` is quick as long as numpy and pydantic are not loaded
    from mtl_cli.comparison.results import DatasetComparison

PROGRAM = "mtl-compare"
EXAMPLES = """examples:
  mtl-compare outputs/sweeps/NAME
  mtl-compare outputs/ --baseline model=shared_bottom --html report.html
  mtl-compare outputs/runs --baseline outputs/runs/NAME
  mtl-compare outputs/sweeps/NAME --metric log_loss --md
  mtl-compare outputs/runs/NAME --fail-if 'test.income.auc<0.91'
  mtl-compare outputs/sweeps/NAME --baseline model=mmoe --fail-if worse
  mtl-compare outputs/sweeps/NAME --ensemble
"""


def command() -> NoReturn:
    """Runs `mtl-compare`, and then ends the process without slow cleanup."""
    exit_without_teardown(main(sys.argv[1:]))


def main(command_line: list[str]) -> int:
    """Runs the command, and returns its exit code; see `run_command`.

    The exit code is 1 if a check of `--fail-if` fails.
    """
    # The usual note "nothing was written" could be wrong after a signal: the page may
    # have been written already.
    return run_command(PROGRAM, lambda: compare(arguments(command_line)), stop_note="")


def arguments(command_line: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog=PROGRAM,
        description="Says which model is better, by how much, and whether it is real.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("paths", nargs="+", metavar="FOLDER", help="runs, sweeps, or a folder of them")
    add(
        "--baseline",
        metavar="KEY=VALUE[,...]|RUN",
        help="compare with this configuration, or that of a run folder (default: "
        "the first with model=shared_bottom, else the first without model=single_task)",
    )
    add("--metric", metavar="NAME", help="default: the first metric of each task")
    parser.add_names(
        "--task", metavar="NAME[,...]", help="compare only these tasks (default: all)"
    )
    add(
        "--split",
        help="test, valid or train (default: test, or valid for a data set without "
        "test rows)",
    )
    add_output_flags(parser)
    parser.add_plugins_flag()
    add_fail_if(parser, example="test.income.auc<0.91")
    return parser.parse_intermixed_args(command_line)


def add_output_flags(parser: Parser) -> None:
    output = parser.add_mutually_exclusive_group()
    for flag, name in (("json", "JSON"), ("csv", "CSV"), ("md", "Markdown")):
        output.add_argument(
            f"--{flag}",
            action="store_const",
            const=flag,
            dest="format",
            help=f"write {name} to stdout instead of the table",
        )
    parser.add_argument(
        "--html", metavar="FILE", type=nonempty_path, help="write a page with charts"
    )
    parser.add_argument(
        "--ensemble",
        metavar="FOLDER",
        nargs="?",
        const="",
        help="average the seeds of the best configuration into one model, and write "
        "its run folder (default: SWEEP/ensemble)",
    )


def compare(options: argparse.Namespace) -> int:
    from mtl_cli.comparison.compare_datasets import Question, compare_datasets
    from mtl_cli.comparison.fail_if import failed_checks
    from mtl_cli.comparison.find_runs import read_runs
    from mtl_cli.comparison.lines import compare_lines
    from mtl_cli.core import plugins

    plugins.use_folders(options.plugins)
    if options.html is not None:
        check_page_target(options.html)
    target = None
    if options.ensemble is not None:
        if not options.ensemble and len(options.paths) > 1:
            raise ConfigError(
                "--ensemble: several folders are compared; name the folder to write: "
                "--ensemble FOLDER"
            )
        target = Path(options.ensemble or Path(options.paths[0], "ensemble"))
    runs = read_runs(options.paths, print_warning)
    question = Question(options.baseline, options.metric, options.split, options.task)
    line_comparisons = compare_lines(runs, question)
    if line_comparisons and options.format is None and options.html is None:
        # The other days are not needed: the terminal shows only the last day, and
        # `--fail-if` checks no single days.
        question = question._replace(only_last_day=True)
    comparisons = compare_datasets(runs, question)
    failed = failed_checks(
        options.fail_if, runs, [*comparisons, *line_comparisons], options.paths
    )
    try:
        if options.html is not None:
            write_html(comparisons, line_comparisons, options.html)
    finally:  # If the page cannot be written, the tables are shown before the error.
        print_comparisons(comparisons, line_comparisons, options.format)
    if target is not None:
        write_ensemble(comparisons, target)
    return report_failures(PROGRAM, failed)


def write_ensemble(comparisons: "list[DatasetComparison]", target: Path) -> None:
    """Averages the runs of the best configuration into an ensemble, and writes it."""
    from mtl_cli.comparison.ensemble import best_configuration
    from mtl_cli.core import tensorflow_runtime

    best, reason = best_configuration(comparisons)
    tell(f"averaging {best.name}: {reason}")
    tensorflow_runtime.load()
    from mtl_cli.runs import ensemble

    # Only the comparison goes to stdout: stdout may be a file of JSON or CSV.
    with contextlib.redirect_stdout(sys.stderr):
        ensemble.write_ensemble(best.folders, target)


def print_warning(warning: str) -> None:
    tell(f"warning: {warning}")


def print_comparisons(
    comparisons: "list[DatasetComparison]",
    line_comparisons: "list[DatasetComparison]",
    format: str | None,
) -> None:
    """Writes the comparisons to stdout, and warnings that a format lacks to stderr.

    Args:
        comparisons: the comparisons of runs.
        line_comparisons: the comparisons of lines; a CSV leaves them out. A line is a
            chain of runs, one per day, see `comparison.lines`.
        format: `json`, `csv` or `md`; None for tables for the terminal.
    """
    from mtl_cli.comparison.csv_and_json import as_csv, as_json
    from mtl_cli.comparison.table import all_warnings, as_markdown
    from mtl_cli.comparison.terminal import terminal_text

    if format == "csv":
        text = as_csv(comparisons)
    else:
        writers = {None: terminal_text, "md": as_markdown, "json": as_json}
        text = writers[format](comparisons, line_comparisons)
    try:
        write_to_stdout(text)
    except BrokenPipeError:  # a reader such as `head` has closed stdout
        drop_output(sys.stdout.fileno())
    if format in ("csv", "md"):
        for warning in all_warnings([*comparisons, *line_comparisons]):
            print_warning(warning)


def check_page_target(path: Path) -> None:
    """Refuses the file of a page if the page could not be written there.

    An existing file is overwritten only if it is an earlier page of a comparison: such
    a page can be made again from the runs.
    """
    from mtl_cli.comparison.page import is_page

    check_folder_of(path, "--html: ")
    if path.exists() and not is_page(path):
        raise ConfigError(
            f"--html: {path} exists and is not a page of {PROGRAM}; choose another file"
        )


def write_html(
    comparisons: "list[DatasetComparison]",
    line_comparisons: "list[DatasetComparison]",
    path: Path,
) -> None:
    """Writes the comparisons as an HTML page, and prints the path of the page."""
    from mtl_cli.comparison.page import page

    html = page(comparisons, line_comparisons)
    write_text(path, html, RUN_AGAIN)
    tell(f"wrote {path}")


if __name__ == "__main__":
    command()
