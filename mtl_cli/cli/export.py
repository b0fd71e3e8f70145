"""`mtl-export`: writes the model of a run in a format for serving."""

import argparse
import sys
from typing import NoReturn

from mtl_cli.core import plugins, tensorflow_runtime
from mtl_cli.core.command_line import (
    Parser,
    nonempty_path,
    parse_assignments,
    run_command,
)
from mtl_cli.core.message_text import printable
from mtl_cli.core.private_apis import exit_without_teardown
from mtl_cli.core.standard_streams import write_to_stdout
from mtl_cli.core.terminal import progress_on_stderr

PROGRAM = "mtl-export"
EXAMPLES = """examples:
  mtl-export outputs/runs/NAME model            # a SavedModel that takes raw columns
  mtl-export outputs/runs/NAME model.onnx --format onnx
  mtl-export outputs/runs/NAME served --format mlflow
  mtl-export outputs/runs/NAME model --set position=1
  mtl-export --verify model                     # replays the example rows in it
"""


def command() -> NoReturn:
    """Runs `mtl-export`, and then ends the process without slow cleanup."""
    exit_without_teardown(main(sys.argv[1:]))


def main(command_line: list[str]) -> int:
    """Runs the command, and returns its exit code; see `run_command`."""
    return run_command(PROGRAM, lambda: export(arguments(command_line)))


def arguments(command_line: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog=PROGRAM,
        description="Writes the model of a run in a format for serving.",
        usage="%(prog)s RUN TARGET [--format NAME] [--set COLUMN=VALUE] [--force] "
        "[--plugins FOLDER]\n       %(prog)s --verify TARGET [--plugins FOLDER]",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("run", metavar="RUN", nargs="?", help="the run folder", type=nonempty_path)
    add(
        "target",
        metavar="TARGET",
        nargs="?",
        help="the file or folder to write",
        type=nonempty_path,
    )
    formats = ", ".join(plugins.sources("exports"))
    add("--format", metavar="NAME", help=f"{formats} (default: saved_model)")
    add(
        "--set",
        metavar="COLUMN=VALUE",
        action="append",
        default=[],
        help="predict all rows with this value in the column, which is then no input "
        "of the export; may be repeated",
    )
    add("--force", action="store_true", help="replace an earlier export")
    add(
        "--verify",
        metavar="TARGET",
        type=nonempty_path,
        help="check the files of an export that you trust, and replay its example rows",
    )
    parser.add_plugins_flag()
    options = parser.parse_intermixed_args(command_line)
    check_combination(parser, options)
    return options


def check_combination(parser: Parser, options: argparse.Namespace) -> None:
    """Refuses --verify with arguments of an export, and an export without RUN, TARGET.

    argparse has no way to declare this rule.
    """
    if options.verify is None:
        positionals = {"RUN": options.run, "TARGET": options.target}
        missing = [name for name, value in positionals.items() if value is None]
        if missing:
            names = ", ".join(missing)
            parser.error(f"the following arguments are required: {names}")
    elif any((options.run, options.format, options.set, options.force)):
        parser.error("--verify takes no RUN, --format, --set or --force")


def export(options: argparse.Namespace) -> None:
    """Writes or verifies an export, and prints how far it differs from the run."""
    constants = parse_assignments("--set", options.set)
    plugins.use_folders(options.plugins)
    tensorflow_runtime.load()
    from mtl_cli.runs import saved_model
    from mtl_cli.runs.export import export_model, verify

    if options.verify is not None:
        done, result = f"{options.verify}", verify(options.verify)
    else:
        done = f"wrote {options.target}"
        with progress_on_stderr() as on_progress:
            result = export_model(
                lambda: saved_model.load(options.run).with_constants(
                    constants, "--set"
                ),
                options.target,
                options.format or "saved_model",
                options.force,
                on_step=lambda text: on_progress(text, 0, 0),
            )
    line = (
        f"{done}: {result.num_rows} example rows replayed, the largest error against "
        f"the run is {result.error:.1e} ({result.column})"
    )
    write_to_stdout(f"{printable(line)}\n")


if __name__ == "__main__":
    command()
