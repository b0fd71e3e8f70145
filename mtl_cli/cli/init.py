"""`mtl-init`: proposes a data set for a table, and writes its YAML."""

import sys
from typing import NoReturn

from mtl_cli.core.command_line import run_command
from mtl_cli.core.standard_streams import write_to_stdout
from mtl_cli.init.arguments import parse


def main() -> NoReturn:
    """Runs `mtl-init` and exits; see `run_command`."""
    sys.exit(run_command("mtl-init", propose, stop_note=""))


def propose() -> None:
    """Writes the proposal, and prints what each column was taken for."""
    options = parse(sys.argv[1:])
    # Imported late, so that `--help` need not wait for pyarrow and pydantic.
    from mtl_cli.init.write_dataset import write_dataset

    write_to_stdout(write_dataset(options))


if __name__ == "__main__":
    main()
