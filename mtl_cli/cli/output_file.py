"""Checks a file that a command is to write, before the command begins its work."""

import os
from argparse import Namespace
from pathlib import Path

from mtl_cli.core.atomic_write import check_folder_of
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.locations import Location
from mtl_cli.core.run_folder import check_outside_run

# Most file systems allow 255 bytes. The name of the unfinished file is a bit longer.
MAX_NAME_BYTES = 230


def check_output_file(flag: str, path: Path, run: Path, options: Namespace) -> None:
    """Refuses an output file that exists, or that lies where it must not be written.

    The folder `run` holds only the run's own files. With `options.force`, the file may
    exist, unless it is a file of the table `options.table`. `flag` names the file in
    messages.
    """
    if not path.name:
        raise ConfigError(f"{flag}: no file is named; give the name of a file")
    if len(os.fsencode(path.name)) > MAX_NAME_BYTES:
        raise ConfigError(
            f"{flag}: the name of the file is longer than {MAX_NAME_BYTES} bytes; "
            "choose a shorter name"
        )
    check_folder_of(path, f"{flag}: ")
    check_outside_run(path, run, f"{flag}: ")
    if not os.path.lexists(path):
        return
    if path.is_dir():
        raise ConfigError(f"{flag}: {path} is a folder; give the name of a file")
    # The written file would replace a broken link.
    if not (options.force and (path.is_file() or not path.exists())):
        raise ConfigError(
            f"{flag}: {path} exists; choose another file, or add --force to overwrite "
            "a file"
        )
    check_not_in_table(flag, path, options.table, "TABLE")


def check_not_in_table(flag: str, path: Path, table: Location, name: str) -> None:
    """Refuses an output that would replace a file of a table.

    `name` is what messages call the table.
    """
    from mtl_cli.data.files import is_in_table

    if path.exists() and is_in_table(path, table):
        raise ConfigError(f"{flag}: {path} is a file of {name}; choose another file")
