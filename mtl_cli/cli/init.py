"""`mtl-init`: proposes a data set for a table, and writes its YAML."""

import sys
from typing import NoReturn

from mtl_cli.core.command_line import run_command
from mtl_cli.core.private_apis import exit_without_teardown
from mtl_cli.core.standard_streams import write_to_stdout
from mtl_cli.init.arguments import parse


def command() -> NoReturn:
    """Runs `mtl-init`, and then ends the process, even if Arrow still reads a table."""
    exit_without_teardown(main(sys.argv[1:]))


def main(command_line: list[str]) -> int:
    """Runs the command, and returns its exit code; see `run_command`."""
    return run_command("mtl-init", lambda: propose(command_line), stop_note="")


def propose(command_line: list[str]) -> None:
    """Writes the proposal, and prints what each column was taken for."""
    options = parse(command_line)
    # Imported late, so that `--help` need not wait for pyarrow and pydantic.
    from mtl_cli.init.write_dataset import write_dataset

    write_to_stdout(write_dataset(options))


if __name__ == "__main__":
    command()
