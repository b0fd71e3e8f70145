"""The location of a table: a file, folder, pattern or URL, or a list of them."""

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from mtl_cli.core.message_text import comma_list
from mtl_cli.core.paths import resources_folder

Location = str | list[str]


def path_list(
    one_or_several: "str | PathLike[str] | Sequence[str | PathLike[str]]",
) -> list[str]:
    if isinstance(one_or_several, str | PathLike):
        return [os.fspath(one_or_several)]
    return [os.fspath(path) for path in one_or_several]


def as_location(paths: list[str]) -> Location:
    return paths[0] if len(paths) == 1 else paths


def location_name(location: Location) -> str:
    """Returns how messages name a table: its path, or the first paths of its list.

    >>> location_name(["1.csv", "2.csv", "3.csv", "4.csv", "5.csv"])
    '1.csv, 2.csv, 3.csv and 2 more'
    """
    return comma_list(path_list(location), max_items=3)


def data_path(path: str) -> Path:
    """Returns the bundled file or folder if the user has none of this path."""
    user_path = Path(os.path.expanduser(path))
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
