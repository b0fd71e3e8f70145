"""Checks that the key `start_from.run` names the folder of a finished run."""

import contextlib
from pathlib import Path

from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.core.other_files import check_entries
from mtl_cli.core.run_folder import SUBFOLDERS
from mtl_cli.core.run_status import STATUS, status_of

KEY = "start_from.run"
# Reading a file below one of these folders may block, or never end.
SYSTEM_FOLDERS = ("/proc", "/sys", "/dev")


def check_finished(path: Path) -> None:
    """Raises a `ConfigError` if a path is not the folder of a finished run."""
    try:
        real_path, is_folder = path.resolve(), path.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # such as a loop of links
        raise ConfigError(f"{KEY}: {shown(str(path))}: {first_line(error)}") from None
    message = (
        f"{KEY}: {path} is not the folder of a run; name the folder of a finished run"
    )
    if any(map(real_path.is_relative_to, SYSTEM_FOLDERS)):
        raise ConfigError(message)
    if not is_folder:
        raise ConfigError(
            f"{KEY}: there is no folder {path}; name the folder of a finished run"
            f"{suggest(path.name, names_of_finished_runs(path.parent))}"
        )
    try:
        check_entries(path, SUBFOLDERS, allow_hard_links=True)
        status = status_of(path).get("status")
    except (ConfigError, OSError, ValueError) as error:
        raise ConfigError(f"{KEY}: {first_line(error)}") from None
    if status is None:
        runs = names_of_finished_runs(path)
        example = f", such as {path / runs[0]}" if runs else ""
        raise ConfigError(f"{message}{example}")
    if status != "done":
        raise ConfigError(
            f"{KEY}: the run in {path} is not finished, its status is {status}; finish "
            "the run, or name another run"
        )


def names_of_finished_runs(folder: Path) -> list[str]:
    """Returns the names of the folders of finished runs in a folder, newest first."""
    time_by_name = {}
    for file in folder.glob(f"*/{STATUS}"):
        # The run may have been removed since, or its status cannot be read.
        with contextlib.suppress(FileNotFoundError, ConfigError):
            if status_of(file.parent).get("status") == "done":
                time_by_name[file.parent.name] = file.parent.stat().st_mtime
    return sorted(time_by_name, key=time_by_name.__getitem__, reverse=True)
