"""`mtl-predict`: predicts the rows of a file with the model of a run."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from mtl_cli.cli.output_file import check_output_file
from mtl_cli.core import plugins, tensorflow_runtime
from mtl_cli.core.command_line import (
    Parser,
    nonempty_path,
    parse_assignments,
    run_command,
)
from mtl_cli.core.errors import tell
from mtl_cli.core.locations import as_location
from mtl_cli.core.private_apis import exit_without_teardown
from mtl_cli.core.terminal import progress_on_stderr

PROGRAM = "mtl-predict"
EXAMPLES = """examples:
  mtl-predict outputs/runs/NAME new.parquet -o scores.parquet
  mtl-predict outputs/runs/NAME new.csv -o scores.csv --keep user,item
  mtl-predict outputs/runs/NAME new.parquet -o scores.parquet --set position=1
  cat new.csv | mtl-predict outputs/runs/NAME - -o - > scores.csv
"""


def command() -> NoReturn:
    """Runs `mtl-predict`, and then ends the process without slow cleanup."""
    exit_without_teardown(main(sys.argv[1:]))


def main(command_line: list[str]) -> int:
    """Runs the command, and returns its exit code; see `run_command`."""
    return run_command(PROGRAM, lambda: predict(arguments(command_line)))


def arguments(command_line: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog=PROGRAM,
        description="Predicts every row of a table with the model of a run.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("run", metavar="RUN", help="the run folder", type=nonempty_path)
    add(
        "table",
        metavar="TABLE",
        nargs="+",
        help="files, folders, patterns or URLs; - for stdin",
    )
    add(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="a .parquet, .feather or .csv file; - for CSV to stdout",
    )
    parser.add_names("--keep", metavar="A,B,...", help="columns to write as well")
    add(
        "--set",
        metavar="COLUMN=VALUE",
        action="append",
        default=[],
        help="predict all rows with this value in the column; may be repeated",
    )
    add("--force", action="store_true", help="overwrite OUT")
    parser.add_plugins_flag()
    return parser.parse_intermixed_args(command_line)


def predict(options: argparse.Namespace) -> None:
    """Predicts a table, and shows the progress and the number of rows written."""
    if options.output != "-":
        check_output_file("-o", Path(options.output), options.run, options)
    from mtl_cli.runs.table_writer import check_prediction_target

    check_prediction_target(options.output)
    plugins.use_folders(options.plugins)
    constants = parse_assignments("--set", options.set)
    tensorflow_runtime.load()
    from mtl_cli.runs.prediction import predict_files

    with progress_on_stderr() as on_progress:
        summary = predict_files(
            options.run,
            as_location(options.table),
            options.output,
            keep=options.keep,
            on_rows=lambda done, total: on_progress("predicting", done, total),
            constants=constants,
        )
    destination = "stdout" if options.output == "-" else options.output
    for warning in summary.warnings:
        tell(f"warning: {warning}")
    tell(
        f"{summary.num_rows:,} rows in {summary.seconds:.1f} s "
        f"({summary.num_rows / summary.seconds:,.0f} rows/s) to {destination}"
    )


if __name__ == "__main__":
    command()
