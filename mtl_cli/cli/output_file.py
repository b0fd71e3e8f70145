"""Checks a file that a command is to write, before the command begins its work."""

from argparse import Namespace
from pathlib import Path

from mtl_cli.core.atomic_write import check_folder_of
from mtl_cli.core.errors import ConfigError


def check_output_file(flag: str, path: Path, options: Namespace) -> None:
    """Refuses a file that a flag names, if the command must not write it.

    Its folder must exist, and is not the run folder `options.run`, which holds only the
    run's own files. The file itself may exist only with `options.force`, and never if
    it is a file of the table `options.table`.
    """
    from mtl_cli.data.files import is_in_table

    check_folder_of(path, f"{flag}: ")
    if path.resolve().is_relative_to(options.run.resolve()):
        raise ConfigError(
            f"{flag}: {path} lies in the folder of the run; name a file outside of it"
        )
    if not path.exists():
        return
    if not (options.force and path.is_file()):
        raise ConfigError(
            f"{flag}: {path} exists; choose another file, or add --force to overwrite "
            "a file"
        )
    if is_in_table(path, options.table):
        raise ConfigError(f"{flag}: {path} is a file of TABLE; choose another file")
