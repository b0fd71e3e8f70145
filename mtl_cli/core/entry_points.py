"""Finds the entry points by which installed packages offer options of mtl-cli."""

import sys
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path


def package_paths() -> tuple[str, ...]:
    """Returns the folders of installed packages: `sys.path` without the current folder.

    A package that just lies in the current folder does not count as installed.
    """
    return _package_paths(tuple(sys.path), Path.cwd())


@cache
def _package_paths(sys_path: tuple[str, ...], cwd: Path) -> tuple[str, ...]:
    folders = [Path(path).resolve() for path in sys_path if path]
    return tuple(str(folder) for folder in folders if folder != cwd)


def entry_points(name: str) -> list[EntryPoint]:
    """Returns the entry points of the group `mtl_cli.NAME` in `package_paths`."""
    entries = _all_entry_points(package_paths())
    return [entry for entry in entries if entry.group == f"mtl_cli.{name}"]


@cache
def _all_entry_points(paths: tuple[str, ...]) -> list[EntryPoint]:
    packages: dict[str, Distribution] = {}
    for package in distributions(path=list(paths)):
        # Only of these few packages the name is read, which is slow. If two have the
        # same name, Python imports the first one.
        if "[mtl_cli." in (package.read_text("entry_points.txt") or ""):
            packages.setdefault(package.name, package)
    return [
        entry
        for package in packages.values()
        for entry in package.entry_points
        if entry.group.startswith("mtl_cli.")
    ]
