"""The arguments of `mtl-evaluate`, and the rules for their combinations."""

import argparse
import os
from pathlib import Path

from mtl_cli.cli.output_file import check_output_file
from mtl_cli.core.command_line import Parser, nonempty, nonempty_path
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
  mtl-evaluate outputs/runs/OLD outputs/runs/NEW may.parquet -o may
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
        "runs",
        metavar="RUN",
        nargs="+",
        type=nonempty,
        help="the folder of a run, or of a sweep",
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
    options = parser.parse_intermixed_args(command_line)
    options.runs, options.table = split_paths([*options.runs, *options.table])
    return options


def split_paths(paths: list[str]) -> tuple[list[Path], list[str]]:
    """Splits the positional arguments into the folders of runs and the table.

    The first argument is always a run. Others are runs as long as their folders are.
    """
    count = 1
    while count < len(paths) and holds_runs(paths[count]):
        count += 1
    return [Path(path) for path in paths[:count]], paths[count:]


def holds_runs(path: str) -> bool:
    from mtl_cli.evaluation.several_runs import is_run, is_sweep

    return os.path.isdir(path) and (is_run(Path(path)) or is_sweep(Path(path)))


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
        help="the folder to write for several runs; mtl-compare reads it",
    )
    add("--force", action="store_true", help="overwrite FILE or FOLDER")


def check_options(options: argparse.Namespace, evaluates_several: bool) -> None:
    """Refuses options that do not fit the runs, before the work begins.

    Args:
        options: the arguments of the command.
        evaluates_several: whether several runs are named, or a sweep.
    """
    if options.repeats is not None and not options.importance:
        raise ConfigError("--repeats: has no effect alone; add --importance")
    if evaluates_several:
        check_options_of_several(options)
    elif options.output is not None:
        raise ConfigError(
            f"-o: {options.runs[0]} is a single run; write files with --json or --html"
        )
    if options.html == STDOUT:
        raise ConfigError("--html: a page does not go to stdout; name a file")
    for flag, path in (("--json", options.json), ("--html", options.html)):
        if path not in (None, STDOUT):
            check_output_file(flag, path, options.runs[0], options)


def check_options_of_several(options: argparse.Namespace) -> None:
    """Refuses options that do not fit several runs, or a sweep."""
    reason = "several runs are named"
    if len(options.runs) == 1:
        reason = f"{options.runs[0]} is a sweep"
    if options.crosses:
        raise ConfigError(f"--crosses: {reason}; name one run, and no TABLE")
    if not options.table or "-" in options.table:
        raise ConfigError(
            f"TABLE: {reason}; name the files of a table, which each run reads"
        )
    if options.json or options.html:
        raise ConfigError(
            f"--json, --html: {reason}; the folder of -o holds such files for each run"
        )
