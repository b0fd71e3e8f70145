"""`mtl-compare`: which model is better, by how much, and is it real."""

import argparse
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mtl_cli.compare.compare_runs import compare_datasets
from mtl_cli.compare.comparison import Comparison
from mtl_cli.compare.configurations import configurations
from mtl_cli.compare.fail_if import Condition, failures, parse
from mtl_cli.compare.runs import Run, read_runs
from mtl_cli.core.errors import ConfigError, MtlError, fail, printable, suggest

if TYPE_CHECKING:
    from rich.console import Console

PROGRAM = "mtl-compare"
FLAGS = ["--baseline", "--metric", "--split", "--json", "--csv", "--md", "--html"]
FLAGS += ["--fail-if", "--help"]
WIDTH = 120  # where the output is no terminal
EXAMPLES = """examples:
  mtl-compare outputs/sweeps/NAME
  mtl-compare outputs/ --baseline model=shared_bottom --html report.html
  mtl-compare outputs/sweeps/NAME --metric log_loss --md
  mtl-compare outputs/runs/NAME --fail-if 'test.income.auc<0.91'
"""
READING = (
    "±: 95 % t-interval over seeds. Difference: to the baseline, paired by seed. A "
    "verdict asks whether retraining would give the same order (t-test over seeds; the "
    "noise is that of all configurations alike in it, so p may say more than the "
    "difference's own ±) and, given predictions, whether another test set would; 5 % "
    "error over a task's comparisons (Holm)."
)


class Parser(argparse.ArgumentParser):
    """A parser whose errors end in one line, as all of ours do."""

    def error(self, message: str) -> NoReturn:
        flag = message.rpartition("unrecognized arguments: ")[2].partition(" ")[0]
        raise ConfigError(f"{message}{suggest(flag, FLAGS)}; see {PROGRAM} --help")


def main() -> NoReturn:
    """Runs `mtl-compare` and exits: 0 done, 1 failed a check, 2 wrong input."""
    for stream in (sys.stdout, sys.stderr):  # names may hold what it cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        sys.exit(run(arguments(sys.argv[1:])))
    except MtlError as error:
        sys.exit(fail(PROGRAM, str(error), error.exit_code))
    except KeyboardInterrupt:
        sys.exit(fail(PROGRAM, "interrupted", 130))


def arguments(given: list[str]) -> argparse.Namespace:
    """Returns the command line's values."""
    parser = Parser(
        prog=PROGRAM,
        description="Says which model is better, by how much, and whether it is real.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("paths", nargs="+", metavar="FOLDER", help="runs, sweeps, or a folder of them")
    baseline = "compare with this one (usual: model=shared_bottom, else the first)"
    add("--baseline", metavar="KEY=VALUE[,...]", help=baseline)
    add("--metric", metavar="NAME", help="usual: each task's first")
    add("--split", default="test", help="test, valid or train (usual: test)")
    output = parser.add_mutually_exclusive_group()
    for form in ("json", "csv", "md"):
        output.add_argument(
            f"--{form}",
            action="store_const",
            const=form,
            dest="form",
            help="to stdout, instead of the table",
        )
    add("--html", metavar="FILE", help="writes a page with charts")
    check = "exit with 1 if it holds: 'test.income.auc<0.91'; may be given again"
    add("--fail-if", metavar="EXPR", action="append", default=[], help=check)
    return parser.parse_args(given)


def run(options: argparse.Namespace) -> int:
    """Compares and prints; returns the exit code."""
    runs = read_runs(options.paths)
    conditions = [parse(text, runs) for text in options.fail_if]
    results = compare_datasets(runs, options.baseline, options.metric, options.split)
    if options.html is not None:
        write_page(results, Path(options.html))
        sys.stderr.write(f"wrote {options.html}\n")
    write(text_of(results, options.form))
    if options.form in ("csv", "md"):
        for line in named_warnings(results):
            sys.stderr.write(f"warning: {printable(line)}\n")
    failed = checked(conditions, runs, options.paths)
    for text in failed:
        fail(PROGRAM, f"--fail-if {text}", 1)
    return 1 if failed else 0


def checked(
    conditions: list[Condition], runs: list[Run], paths: list[str]
) -> list[str]:
    """Returns a line for each check that fails, or cannot be made."""
    every = configurations(runs) if conditions else []
    named = {Path(path).resolve() for path in paths}
    unread = [r for r in runs if not r.scored and r.path.resolve() in named]
    return [
        f"'{condition.text}': {line}"
        for condition in conditions
        for line in [
            *failures(condition, every),
            *(f"{run.path} cannot be checked: {run.status}" for run in unread),
        ]
    ]


def write(text: str) -> None:
    """Writes to stdout; what read it, `head`, may have closed it.

    Raises:
        ConfigError: if it cannot be written.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise ConfigError(f"cannot write to stdout: {error.strerror}") from None


def text_of(results: list[Comparison], form: str | None) -> str:
    """Returns what is printed, in the form asked for."""
    from mtl_cli.compare.records import comma_separated, json_text
    from mtl_cli.compare.table import markdown

    if form is None:
        return terminal(results)
    texts = {"csv": comma_separated, "md": markdown, "json": json_text}
    return texts[form](results)


def named_warnings(results: list[Comparison]) -> list[str]:
    """Returns all warnings, with the data set's name where there are several."""
    if len(results) == 1:
        return results[0].warnings
    return [f"{each.dataset}: {line}" for each in results for line in each.warnings]


def terminal(results: list[Comparison]) -> str:
    """Returns tables and verdicts of each data set, and the warnings."""
    from rich.console import Console
    from rich.text import Text

    on_terminal, encoding = sys.stdout.isatty(), sys.stdout.encoding or "utf-8"
    page = io.TextIOWrapper(io.BytesIO(), encoding, errors="replace")
    console = Console(file=page, force_terminal=on_terminal, highlight=False)
    if not on_terminal:
        console.width = WIDTH
    for result in results:
        if len(results) > 1:
            console.rule(Text(f"data set {result.dataset}", style="bold"))
        show_dataset(result, console)
    console.print(Text(f"\n{READING}", style="dim"))
    for line in named_warnings(results):
        console.print(Text(f"warning: {line}", style="yellow"))
    page.seek(0)
    return page.read()


def show_dataset(result: Comparison, console: "Console") -> None:
    """Prints the tables and the verdicts of a data set."""
    from rich.text import Text

    from mtl_cli.compare.table import print_tables, title
    from mtl_cli.compare.verdicts import verdicts

    runs = sum(len(one.runs) for one in result.configurations)
    number = len(result.configurations)
    console.print(
        Text(
            f"{number} configuration{'s' * (number != 1)}, {runs} runs, {result.split} "
            f"rows; baseline {result.baseline.name} ({result.why})"
        )
    )
    print_tables(result, console)
    texts = verdicts(result)
    for task in result.tasks:
        console.print(Text(title(task), style="bold"))
        for line in texts[task.name]:
            console.print(Text(f"  {line}"))


def write_page(results: list[Comparison], path: Path) -> None:
    """Writes the HTML page."""
    from mtl_cli.compare.page import page

    try:
        path.write_text(page(results), encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"--html: cannot write {path}: {error.strerror}") from None


if __name__ == "__main__":
    main()
