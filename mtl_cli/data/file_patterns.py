"""Finds the local files that match a pattern, such as `day=*/*.parquet`."""

import glob
import os
from itertools import dropwhile
from pathlib import Path

from mtl_cli.core.errors import DataError


def files_of_pattern(key: str, path: str, pattern: Path) -> list[Path]:
    """Returns the files that match a pattern, sorted; `path` is for messages."""
    matches = sorted(matching_paths(pattern))
    files = [file for file in matches if not file.is_dir()]
    if not files:
        fix = "correct the pattern"
        if matches:
            fix = "only folders match the pattern: add '/*' for their files"
        raise DataError(
            f"{key}: no file matches '{path}' (current folder: {Path.cwd()}); {fix}"
        )
    return files


def matching_paths(pattern: Path) -> set[Path]:
    """Returns the paths that match a pattern, as `glob.glob` does.

    With `**`, `glob.glob` follows a link from a folder to itself 40 times, and two such
    links for ever. Here `**` visits each folder once, whatever links lead to it.
    """
    if "**" not in pattern.parts:
        return set(map(Path, glob.glob(str(pattern))))
    index = pattern.parts.index("**")
    tops = matching_paths(Path(*pattern.parts[:index])) if index else {Path()}
    # `**/**` means the same as `**`, and a `**` at the end means `**/*`.
    names_below = dropwhile(lambda name: name == "**", pattern.parts[index + 1 :])
    below = tuple(names_below) or ("*",)
    paths, visited = set(), set()
    for top in sorted(tops):
        for folder, subfolders, _ in os.walk(top, followlinks=True):
            if (real := os.path.realpath(folder)) in visited:
                subfolders.clear()  # `os.walk` then does not visit them
                continue
            visited.add(real)
            subfolders[:] = sorted(n for n in subfolders if not n.startswith("."))
            paths |= matching_paths(Path(glob.escape(folder), *below))
    return paths
