"""Finds the local files that match a pattern, such as `day=*/*.parquet`."""

import glob
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from mtl_cli.core.errors import DataError
from mtl_cli.core.other_files import walk

MAX_PATHS = 1_000_000  # more than any table has files


def files_of_pattern(key: str, path: str, pattern: Path) -> list[Path]:
    """Returns the files that match a pattern, sorted; `path` is for messages."""
    files = sorted(file for file in matching_paths(key, pattern) if not file.is_dir())
    if not files:
        raise DataError(
            f"{key}: no file matches '{path}' (current folder: {Path.cwd()}); correct "
            "the pattern, or add '/*' for the files in the folders that match"
        )
    return files


def matching_paths(key: str, pattern: Path) -> set[Path]:
    """Returns the paths that match a pattern, as `glob.glob` does.

    With `**`, `glob.glob` follows a link from a folder to itself 40 times, and two such
    links for ever. Here `**` visits each folder once, whatever links lead to it.

    A pattern such as `/*/../*/../*` leads to each file along many paths. It is
    refused after `MAX_PATHS` paths.
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
