"""Finds the entry points by which installed packages offer options of mtl-cli."""

import sys
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

ENTRY_POINTS_FILE = "entry_points.txt"  # in the metadata of an installed package


def package_paths() -> tuple[str, ...]:
    """Returns the folders of installed packages: `sys.path` without the current folder.

    A package that just lies in the current folder does not count as installed.
    """
    return _package_paths(tuple(sys.path), Path.cwd())


@cache
def _package_paths(sys_path: tuple[str, ...], cwd: Path) -> tuple[str, ...]:
    folders = [Path(path).resolve() for path in sys_path if path]
    return tuple(str(folder) for folder in folders if folder != cwd)


def entry_points(name: str, paths: tuple[str, ...]) -> list[EntryPoint]:
    """Returns the entry points of the group `mtl_cli.NAME`, for NAME such as `models`.

    `paths` are the folders of installed packages, see `package_paths`.
    """
    entries = _all_entry_points(paths)
    return [entry for entry in entries if entry.group == f"mtl_cli.{name}"]


@cache
def _all_entry_points(paths: tuple[str, ...]) -> list[EntryPoint]:
    """Returns the entry points of all installed packages for mtl-cli."""
    installed = list(distributions(path=list(paths)))
    # In most environments, no package has an entry point for mtl-cli. The function then
    # returns here, because reading the name of every package is slow.
    texts = (package.read_text(ENTRY_POINTS_FILE) for package in installed)
    if not any("[mtl_cli." in (text or "") for text in texts):
        return []
    # If two packages have the same name, Python imports the first package. Therefore
    # only the entry points of the first package count.
    packages: dict[str, Distribution] = {}
    for package in installed:
        packages.setdefault(package.name, package)
    return [
        entry
        for package in packages.values()
        for entry in package.entry_points
        if entry.group.startswith("mtl_cli.")
    ]
