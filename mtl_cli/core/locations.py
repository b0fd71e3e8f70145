"""The location of a table: a file, folder, pattern or URL, or a list of them."""

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from mtl_cli.core.message_text import comma_list
from mtl_cli.core.paths import resources_folder

Location = str | list[str]
MAX_PATHS_IN_NAME = 3  # the number of paths of a list that messages name


def path_list(
    one_or_several: "str | PathLike[str] | Sequence[str | PathLike[str]]",
) -> list[str]:
    """Returns one path, or several paths, as a list of texts."""
    if isinstance(one_or_several, str | PathLike):
        return [os.fspath(one_or_several)]
    return [os.fspath(path) for path in one_or_several]


def as_location(paths: list[str]) -> Location:
    """Returns a single path without its list, and several paths as they are."""
    return paths[0] if len(paths) == 1 else paths


def location_name(location: Location) -> str:
    """Returns how messages name a table: its path, or the first paths of its list.

    >>> location_name(["1.csv", "2.csv", "3.csv", "4.csv", "5.csv"])
    '1.csv, 2.csv, 3.csv and 2 more'
    """
    return comma_list(path_list(location), MAX_PATHS_IN_NAME)


def data_path(path: str) -> Path:
    """Returns the user's file or folder of a path, or else the bundled one.

    If both are missing, the function returns the user's path.
    """
    try:
        user_path = Path(path).expanduser()
    except RuntimeError:  # `~nobody/rows.csv` names a user who does not exist
        user_path = Path(path)
    bundled = resources_folder() / path
    return bundled if bundled.exists() and not user_path.exists() else user_path


def absolute_paths(location: Location) -> list[str]:
    """Returns the paths of a location as absolute paths; URLs stay as they are.

    Folders and patterns are not replaced by the files in them.
    """
    return [
        path if "://" in path else os.path.abspath(data_path(path))
        for path in path_list(location)
    ]
