"""Hashes the code of plugins, and names the code that may have caused an error."""

import hashlib
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mtl_cli.core.message_text import comma_list
from mtl_cli.core.nested import flatten
from mtl_cli.core.other_files import walk
from mtl_cli.core.paths import PACKAGE, short_path
from mtl_cli.core.plugins import FOLDER_PACKAGE, plugin_packages, plugin_sources


def code_hashes(options: Iterable[object]) -> dict[str, str]:
    """Returns {module of an option: hash of all Python files of the option's plugin}.

    Options of mtl-cli itself are left out. The module of an option in a folder of
    `--plugins` is named as seen from this folder, such as `models.average`, so that the
    folder may be moved.
    """
    hashes_by_package: dict[str, str] = {}
    hashes = {}
    for option in options:
        module = type(option).__module__
        package, _, module_in_package = module.partition(".")
        if package == PACKAGE.name:
            continue
        if package not in hashes_by_package:
            hashes_by_package[package] = hash_of_package(package)
        is_folder = package.startswith(FOLDER_PACKAGE)
        hashes[module_in_package if is_folder else module] = hashes_by_package[package]
    return hashes


def hash_of_package(package: str) -> str:
    """Returns a hash of all Python files of an imported package, and of their names."""
    module = sys.modules[package]
    folders = list(map(Path, getattr(module, "__path__", [])))
    files = [(p.relative_to(f), p) for f in folders for p in python_files(f)]
    if not folders and module.__file__ is not None:  # a plugin of a single file
        files = [(Path(), Path(module.__file__))]
    digest = hashlib.sha256()
    for name, path in sorted(files):
        content = path.read_bytes()
        digest.update(os.fsencode(f"{name}\0{len(content)}\0") + content)
    return digest.hexdigest()


def python_files(folder: Path) -> Iterator[Path]:
    """Yields the Python files of a folder that are not hidden or of an environment."""
    for parent, subfolders, names in walk(folder):
        subfolders[:] = [
            name
            for name in subfolders
            if not (name.startswith(".") or Path(parent, name, "pyvenv.cfg").exists())
        ]
        for name in names:
            path = Path(parent, name)
            # A link whose target is missing is no file.
            if path.suffix == ".py" and path.is_file() and not name.startswith("."):
                yield path


def plugin_line(error: BaseException) -> str:
    """Names the last line of a plugin in the traceback of an error; "" without one."""
    packages = plugin_packages()
    texts = [
        f"; see {frame.f_code.co_qualname} in "
        f"{short_path(Path(frame.f_code.co_filename))}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").partition(".")[0] in packages
    ]
    return texts[-1] if texts else ""


def chosen_plugins(values: Mapping[str, Any]) -> str:
    """Names the options of plugins that a configuration chooses; "" without any.

    If a method of a plugin returns a wrong value, the traceback of the error that
    follows may have no line of the plugin.
    """
    texts = {text for text in flatten(values).values() if isinstance(text, str)}
    labels = [source.label for name, source in plugin_sources() if name in texts]
    files = comma_list(str(short_path(Path(label))) for label in labels)
    return f"; a plugin may be wrong: {files}" if labels else ""
