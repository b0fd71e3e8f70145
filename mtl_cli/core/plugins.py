"""Where the options of each axis come from: our own folders, and plugins.

A plugin is an installed package with an entry point, or a folder that the command line
names by `--plugins`. Nothing else can bring code: no YAML file, no environment
variable, and no file just because it lies in the current folder.
"""

import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.paths import conf_folder

AXES = (
    "encoders",
    "features",
    "generators",
    "heads",
    "models",
    "optimizers",
    "tasks",
    "trackers",
)
CONF = "conf"

# The folders of `--plugins`, by the name of the Python package that each becomes.
_folders: dict[str, Path] = {}


@dataclass(frozen=True)
class Source:
    """Where an option comes from.

    Attributes:
        label: the file or the entry point, for messages.
        load: returns the option's class, or the module that holds the class.
        is_plugin: whether the option is not part of mtl-cli.
    """

    label: str
    load: Callable[[], Any]
    is_plugin: bool


def use_folders(paths: Sequence[str | Path]) -> None:
    """Registers the folders of `--plugins`, in place of the folders of earlier calls.

    A folder is laid out as `mtl_cli`: `models/NAME.py`, `features/NAME.py`,
    `conf/model/NAME.yaml`. Its files import each other by relative imports.

    Raises:
        ConfigError: if a folder does not exist, holds no options, or takes a name
            that another option has.
    """
    _folders.clear()
    _sources.cache_clear()
    for path in paths:
        folder = Path(path).expanduser().resolve()
        if not folder.is_dir():
            raise ConfigError(f"--plugins: there is no folder {path}")
        if not any((folder / name).is_dir() for name in (*AXES, CONF)):
            raise ConfigError(
                f"--plugins: {path} holds no options; expected at least one of the "
                f"folders {', '.join((*AXES, CONF))} in it"
            )
        package = ModuleType(f"mtl_plugin_{crc32(str(folder).encode()):08x}")
        package.__path__ = [str(folder)]
        sys.modules[package.__name__] = package
        _folders[package.__name__] = folder
    for axis in AXES:
        sources(axis)  # raises an error if two options have the same name
    for folder in conf_folders():
        for path in sorted(folder.rglob("*.yaml")):
            if (conf_folder() / path.relative_to(folder)).exists():
                raise ConfigError(
                    f"{path}: mtl-cli has a config of this name; rename the file"
                )


def used_folders() -> list[str]:
    """Returns the folders of `--plugins`, for another process of the same run."""
    return [str(folder) for folder in _folders.values()]


def conf_folders() -> list[Path]:
    """Returns the folders of YAML files that plugins bring.

    An installed package names its folder by an entry point of the group `mtl_cli.conf`.
    """
    folders = [folder / CONF for folder in _folders.values()]
    for entry in _entry_points(CONF):
        spec = importlib.util.find_spec(entry.value)
        folders += map(Path, (spec and spec.submodule_search_locations) or [])
    return [folder for folder in folders if folder.is_dir()]


def sources(axis: str) -> dict[str, Source]:
    """Returns the source of every option of an axis, by the option's name.

    Raises:
        ConfigError: if two options have the same name.
    """
    return _sources(axis, tuple(_folders.items()), tuple(sys.path), Path.cwd())


# Cached because a data set asks for the kinds of features once per feature. All
# arguments but `axis` are part of the cache's key only.
@cache
def _sources(
    axis: str,
    folders: tuple[tuple[str, Path], ...],
    paths: tuple[str, ...],
    here: Path,
) -> dict[str, Source]:
    sources: dict[str, Source] = {}
    for name, source in [*_own_sources(axis), *_plugin_sources(axis)]:
        if name in sources:
            raise ConfigError(
                f"{source.label}: the name {name!r} belongs to {sources[name].label} "
                "already; take another name"
            )
        sources[name] = source
    return sources


def _own_sources(axis: str) -> Iterator[tuple[str, Source]]:
    package = f"mtl_cli.{axis}"
    for name in _module_names(import_module(package).__path__):
        module = f"{package}.{name}"
        yield name, Source(module, partial(import_module, module), is_plugin=False)


def _plugin_sources(axis: str) -> Iterator[tuple[str, Source]]:
    for package, folder in _folders.items():
        for name in _module_names([str(folder / axis)]):
            load = partial(import_module, f"{package}.{axis}.{name}")
            file = folder / axis / f"{name}.py"
            yield name, Source(str(file), load, is_plugin=True)
    for entry in _entry_points(axis):
        label = f"entry point {entry.value!r}"
        yield entry.name, Source(label, entry.load, is_plugin=True)


def _module_names(path: Sequence[str]) -> list[str]:
    names = sorted(module.name for module in pkgutil.iter_modules(path))
    return [name for name in names if name != "base" and not name.startswith("_")]


def _entry_points(axis: str) -> list[EntryPoint]:
    # Python may import packages of the current folder too, but a package there does
    # not count as installed.
    here = Path.cwd()
    paths = tuple(path for path in sys.path if path and Path(path).resolve() != here)
    return [e for e in _installed(paths) if e.group == f"mtl_cli.{axis}"]


@cache
def _installed(paths: tuple[str, ...]) -> list[EntryPoint]:
    # Of two packages with the same name Python imports the first, so the entry points
    # of the second are left out.
    packages: dict[str, Distribution] = {}
    for package in distributions(path=list(paths)):
        packages.setdefault(package.name, package)
    return [
        entry
        for package in packages.values()
        for entry in package.entry_points
        if entry.group.startswith("mtl_cli.")
    ]
