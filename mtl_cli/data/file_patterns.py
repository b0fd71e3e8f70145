"""Finds the local files that match a pattern, such as `day=*/*.parquet`."""

import glob
import os
from collections.abc import Iterator
from itertools import islice, takewhile
from pathlib import Path

from mtl_cli.core.errors import DataError
from mtl_cli.core.other_files import walk

MAX_PATHS = 1_000_000  # more than any table has files


def files_of_pattern(key: str, path: str, pattern: Path) -> list[Path]:
    """Returns the files that match a pattern, sorted; `path` is for messages."""
    matches = sorted(matching_paths(key, pattern))
    files = [file for file in matches if not file.is_dir()]
    if not files:
        fix = "correct the pattern"
        if matches:
            fix = "only folders match the pattern: add '/*' for their files"
        else:
            check_first_folder(key, pattern)
        raise DataError(
            f"{key}: no file matches '{path}' (current folder: {Path.cwd()}); {fix}"
        )
    return files


def check_first_folder(key: str, pattern: Path) -> None:
    """Refuses a pattern if this user may not list the folder before its wildcards."""
    folder = Path(*takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    try:
        os.scandir(folder).close()
    except PermissionError as error:
        raise DataError(f"{key}: cannot reach '{folder}': {error.strerror}") from None
    except OSError:  # for instance, there is no such folder
        return


def matching_paths(key: str, pattern: Path) -> set[Path]:
    """Returns the paths that match a pattern, as `glob.glob` does.

    With `**`, `glob.glob` follows a link from a folder to itself 40 times, and two such
    links for ever. Here `**` visits each folder once, whatever links lead to it.

    Raises:
        DataError: if more than `MAX_PATHS` paths match the pattern or its beginning.
            For instance, `/*/../*/../*` leads to each file along many paths.
    """
    paths = {Path(pattern.anchor)}
    names = pattern.relative_to(pattern.anchor).parts
    if names[-1] == "**":  # means `**/*`
        names = (*names, "*")
    for name in names:
        found = folders_at_or_below(paths) if name == "**" else names_in(paths, name)
        paths = set(islice(found, MAX_PATHS + 1))
        if len(paths) > MAX_PATHS:
            raise DataError(
                f"{key}: more than {MAX_PATHS:,} paths match '{pattern}' or lead to a "
                "match; name a folder, or fewer files"
            )
    return paths


def names_in(folders: set[Path], name: str) -> Iterator[Path]:
    """Yields the paths in some folders whose last part matches a pattern."""
    for folder in folders:
        for match in glob.iglob(name, root_dir=folder):
            yield folder / match


def folders_at_or_below(tops: set[Path]) -> Iterator[Path]:
    """Yields some folders and all folders below them, but not hidden ones."""
    visited = set()
    for top in sorted(tops):
        for folder, subfolders, _ in walk(top, follow_links=True):
            if (real := os.path.realpath(folder)) in visited:
                subfolders.clear()  # `walk` then does not visit them
                continue
            visited.add(real)
            subfolders[:] = [n for n in subfolders if not n.startswith(".")]
            yield Path(folder)
