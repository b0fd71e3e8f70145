"""`mtl-compare`: which model is better, by how much, and is it real."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from mtl_cli.compare.comparison import Comparison, compare
from mtl_cli.compare.fail_if import failures, parse
from mtl_cli.compare.runs import read_runs
from mtl_cli.compare.warnings import warnings
from mtl_cli.errors import ConfigError, MtlError, fail, printable, suggest

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
    try:
        sys.exit(run(arguments(sys.argv[1:])))
    except MtlError as error:
        sys.exit(fail(PROGRAM, str(error), error.exit_code))
    except KeyboardInterrupt:
        sys.exit(fail(PROGRAM, "interrupted", 130))
    except BrokenPipeError:  # what read the output, `head`, has closed it
        sys.stderr.close()
        sys.exit(0)


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
    result = compare(runs, options.baseline, options.metric, options.split)
    warned = warnings(result, runs)
    show(result, warned, options.form)
    if options.html is not None:
        write_page(result, warned, Path(options.html))
        sys.stderr.write(f"wrote {options.html}\n")
    every = [*result.configurations, *result.without]
    failed = [
        (condition.text, line)
        for condition in conditions
        for line in failures(condition, every)
    ]
    for text, line in failed:
        fail(PROGRAM, f"--fail-if '{text}': {line}", 1)
    return 1 if failed else 0


def show(result: Comparison, warned: list[str], form: str | None) -> None:
    """Prints in the form asked for; warnings go to stderr where stdout is data."""
    from mtl_cli.compare.table import comma_separated, json_text, markdown

    if form is None:
        return show_terminal(result, warned)
    texts = {"csv": comma_separated, "md": markdown}
    text = json_text(result, warned) if form == "json" else texts[form](result)
    sys.stdout.write(text)
    if form != "json":
        for line in warned:
            sys.stderr.write(f"warning: {printable(line)}\n")


def show_terminal(result: Comparison, warned: list[str]) -> None:
    """Prints the table, the verdicts and the warnings."""
    from rich.console import Console
    from rich.text import Text

    from mtl_cli.compare.table import print_tables, title
    from mtl_cli.compare.verdicts import verdicts

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
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
    console.print(Text(f"\n{READING}", style="dim"))
    for line in warned:
        console.print(Text(f"warning: {line}", style="yellow"))


def write_page(result: Comparison, warned: list[str], path: Path) -> None:
    """Writes the HTML page."""
    from mtl_cli.compare.page import page

    try:
        path.write_text(page(result, warned), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--html: cannot write {path}: {error.strerror}") from None


if __name__ == "__main__":
    main()
