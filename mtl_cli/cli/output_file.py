"""Checks a file that a command is to write, before the command begins its work."""

import os
from argparse import Namespace
from pathlib import Path

from mtl_cli.core.atomic_write import check_folder_of
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.run_folder import check_outside_run


def check_output_file(flag: str, path: Path, options: Namespace) -> None:
    """Refuses an output file that exists, or that lies where it must not be written.

    The run folder `options.run` holds only the run's own files. With `options.force`,
    the file may exist, unless it is a file of the table `options.table`. `flag` names
    the file in messages.
    """
    from mtl_cli.data.files import is_in_table

    check_folder_of(path, f"{flag}: ")
    check_outside_run(path, options.run, f"{flag}: ")
    if not os.path.lexists(path):
        return
    is_broken_link = not path.exists()  # the written file would replace the link
    if not (options.force and (is_broken_link or path.is_file())):
        raise ConfigError(
            f"{flag}: {path} exists; choose another file, or add --force to overwrite "
            "a file"
        )
    if not is_broken_link and is_in_table(path, options.table):
        raise ConfigError(f"{flag}: {path} is a file of TABLE; choose another file")
