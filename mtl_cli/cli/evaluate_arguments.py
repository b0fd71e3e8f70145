"""The arguments of `mtl-evaluate`, and the rules for their combinations."""

import argparse
from pathlib import Path

from mtl_cli.cli.output_file import check_output_file
from mtl_cli.core.command_line import Parser, nonempty_path
from mtl_cli.core.conditions import add_fail_if
from mtl_cli.core.errors import ConfigError

PROGRAM = "mtl-evaluate"
STDOUT = Path("-")  # as the FILE of --json
EXAMPLES = """examples:
  mtl-evaluate outputs/runs/NAME may.parquet --by city,new_user
  mtl-evaluate outputs/runs/NAME may.parquet --importance --html may.html
  mtl-evaluate outputs/runs/NAME --importance --crosses
  mtl-evaluate outputs/runs/NAME may.parquet --fail-if 'income.auc<0.91'
  cat may.csv | mtl-evaluate outputs/runs/NAME -
  mtl-evaluate outputs/sweeps/NAME may.parquet -o may && mtl-compare may
"""


def arguments(command_line: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog=PROGRAM,
        description="Evaluates the model of a run on a table with labels.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add(
        "run",
        metavar="RUN",
        help="the folder of a run, or of a sweep",
        type=nonempty_path,
    )
    add(
        "table",
        metavar="TABLE",
        nargs="*",
        help="files, folders, patterns or URLs; - for stdin (default: the validation "
        "rows)",
    )
    parser.add_names(
        "--by",
        metavar="A,B,...",
        help="columns or features; each value, or range of numbers, is a slice",
    )
    add(
        "--importance",
        action="store_true",
        help="measure what each feature is worth to each task",
    )
    add(
        "--crosses",
        action="store_true",
        help="find pairs of columns whose combinations explain errors of the model; "
        "without TABLE",
    )
    add(
        "--repeats",
        metavar="N",
        type=int,
        help="shufflings of each feature for --importance (default: 10)",
    )
    add_output_flags(parser)
    add_fail_if(parser, example="income.auc<0.91")
    parser.add_plugins_flag()
    return parser.parse_intermixed_args(command_line)


def add_output_flags(parser: Parser) -> None:
    """Adds the flags that name the files or the folder to write."""
    add = parser.add_argument
    add("--json", metavar="FILE", type=Path, help="write all numbers; - for stdout")
    add("--html", metavar="FILE", type=Path, help="write a page with charts")
    add(
        "-o",
        "--output",
        metavar="FOLDER",
        type=nonempty_path,
        help="the folder to write for a sweep; mtl-compare reads it",
    )
    add("--force", action="store_true", help="overwrite FILE or FOLDER")


def check_options(options: argparse.Namespace, is_sweep: bool) -> None:
    """Refuses options that do not fit a run or a sweep, before the work begins."""
    if options.repeats is not None and not options.importance:
        raise ConfigError("--repeats: has no effect alone; add --importance")
    if is_sweep and options.crosses:
        raise ConfigError(
            f"--crosses: {options.run} is a sweep; name one of its runs, and no TABLE"
        )
    if is_sweep and (not options.table or "-" in options.table):
        raise ConfigError(
            f"TABLE: {options.run} is a sweep; name the files of a table, which each "
            "of its runs reads"
        )
    if is_sweep and (options.json or options.html):
        raise ConfigError(
            f"--json, --html: {options.run} is a sweep; the folder of -o holds such "
            "files for each run"
        )
    if options.output is not None and not is_sweep:
        raise ConfigError(
            f"-o: {options.run} is not a sweep; write files with --json or --html"
        )
    if options.html == STDOUT:
        raise ConfigError("--html: a page does not go to stdout; name a file")
    for flag, path in (("--json", options.json), ("--html", options.html)):
        if path not in (None, STDOUT):
            check_output_file(flag, path, options)
