"""Checks that `start_from.run` names the folder of a finished run."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from mtl_cli.core.errors import ConfigError, DataError, first_line, shown, suggest
from mtl_cli.core.other_files import check_entries, read_json_object
from mtl_cli.core.run_folder import STATUS, SUBFOLDERS, status_of

KEY = "start_from.run"
# A path below these folders may block, or never end, when it is read.
SYSTEM_FOLDERS = ("/proc", "/sys", "/dev")


def check_finished(path: Path) -> None:
    """Checks that a path is the folder of a finished run.

    Raises:
        ConfigError: if the path is not a run folder, or the run is not finished.
    """
    try:
        real_path, is_folder = path.resolve(), path.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # such as a loop of links
        raise ConfigError(f"{KEY}: {shown(str(path))}: {first_line(error)}") from None
    if any(map(real_path.is_relative_to, SYSTEM_FOLDERS)):
        raise ConfigError(
            f"{KEY}: {path} is not the folder of a run; name the folder of a finished "
            "run"
        )
    if not is_folder:
        existing_runs = names_of_runs(path.parent)
        raise ConfigError(
            f"{KEY}: there is no folder {path}; name the folder of a finished run"
            f"{suggest(path.name, existing_runs)}"
        )
    try:
        check_entries(path, SUBFOLDERS, is_written=False)
        status = status_of(path).get("status")
    except (ConfigError, OSError, ValueError) as error:
        raise ConfigError(f"{KEY}: {first_line(error)}") from None
    if status is None:
        runs = names_of_runs(path)
        example = f", such as {path / runs[0]}" if runs else ""
        raise ConfigError(
            f"{KEY}: {path} is not the folder of a run; name the folder of a finished "
            f"run{example}"
        )
    if status != "done":
        raise ConfigError(
            f"{KEY}: the run in {path} is not finished, its status is {status}; finish "
            "it, or name another run"
        )


def names_of_runs(folder: Path) -> list[str]:
    """Returns the names of the run folders in a folder, newest first."""
    runs = [status.parent for status in folder.glob(f"*/{STATUS}")]
    return [run.name for run in sorted(runs, key=lambda x: x.stat().st_mtime)][::-1]


def environment_of(path: Path) -> dict[str, Any]:
    """Reads the `environment.json` of a run.

    Raises:
        DataError: if the file is missing or damaged.
    """
    try:
        return read_json_object(path / "environment.json")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{KEY}: cannot read {path / 'environment.json'}: {first_line(error)}; "
            "copy the whole folder of the run"
        ) from None


def version_hint(environment: dict[str, Any]) -> str:
    """Returns the end of an error message: the versions of mtl-cli, if they differ."""
    versions = environment.get("versions")
    earlier = versions.get("mtl-cli") if isinstance(versions, dict) else None
    if earlier == version("mtl-cli"):
        return ""
    return f"; it is a run of mtl-cli {earlier}, this is {version('mtl-cli')}"
