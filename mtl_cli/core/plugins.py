"""Finds the options of each axis, in the folders of mtl-cli and in plugins.

An axis is a folder of options, such as `models`: each file there is one option. A
plugin is an installed package with an entry point, or a folder that the command line
names by `--plugins`. Nothing else can add code to a run: no YAML file, no environment
variable, and no file that just lies in the current folder.
"""

import importlib.util
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from types import ModuleType
from zlib import crc32

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.paths import conf_folder, short_path

AXES = (
    "balancing",
    "encoders",
    "exports",
    "features",
    "gates",
    "generators",
    "heads",
    "models",
    "optimizers",
    "tasks",
    "towers",
    "trackers",
)
CONF = "conf"  # the folder of YAML files in a plugin
# The start of the name of the Python package that a folder of `--plugins` becomes.
FOLDER_PACKAGE = "mtl_plugin_"

_folders: tuple[Path, ...] = ()  # the folders of `--plugins`


@dataclass(frozen=True)
class OptionSource:
    """The module, file or entry point that an option comes from.

    `label` names it in messages. `load` imports the option, and returns its class, or
    the module that holds this class.
    """

    label: str
    load: Callable[[], object]
    is_plugin: bool


def use_folders(paths: Sequence[str | Path]) -> None:
    """Registers the folders of `--plugins` in place of the folders of an earlier call.

    A folder is laid out like `mtl_cli`: it holds `models/NAME.py`, `features/NAME.py`
    and so on, and YAML files such as `conf/model/NAME.yaml`. The files of a folder
    import each other by relative imports.

    After a `ConfigError`, the folders of an earlier call stay registered.
    """
    global _folders
    earlier_folders = _folders
    _folders = tuple(dict.fromkeys(map(_checked_folder, paths)))
    # Files may have been added to a folder since an earlier call named this folder.
    _cached_sources.cache_clear()
    try:
        for axis in AXES:
            sources(axis)  # raises an error if a name is used twice
        _check_config_names()
    except ConfigError:
        _folders = earlier_folders
        raise
    # Each folder becomes a Python package, so that relative imports work in it. Modules
    # are imported again, because their files may have changed since an earlier call.
    for folder in _folders:
        package = ModuleType(_package_name(folder))
        package.__path__ = [str(folder)]
        sys.modules[package.__name__] = package
        for name in list(sys.modules):
            if name.startswith(f"{package.__name__}."):
                del sys.modules[name]


def used_folders() -> list[str]:
    return [str(folder) for folder in _folders]


def plugin_flags() -> list[str]:
    """Returns the flags `--plugins=FOLDER` for commands that the user may run next."""
    return [f"--plugins={short_path(folder)}" for folder in _folders]


def conf_folders() -> list[Path]:
    """Returns the folders with the YAML files of plugins.

    An installed package names its folder by an entry point of the group `mtl_cli.conf`.
    """
    folders = [folder / CONF for folder in _folders]
    for entry in _entry_points(CONF):
        spec = importlib.util.find_spec(entry.value)
        if spec is not None:
            folders += map(Path, spec.submodule_search_locations or [])
    return [folder for folder in folders if folder.is_dir()]


def sources(axis: str) -> dict[str, OptionSource]:
    """Returns {name: source} for every option of an axis."""
    return _cached_sources(axis, _folders, tuple(sys.path), Path.cwd())


def plugin_sources() -> list[tuple[str, OptionSource]]:
    """Returns the name and the source of each option that a plugin provides."""
    by_axis = [sources(axis).items() for axis in AXES]
    return [item for items in by_axis for item in items if item[1].is_plugin]


def plugin_packages() -> set[str]:
    """Returns the names of the Python packages that hold options of plugins."""
    entries = [entry for axis in AXES for entry in _entry_points(axis)]
    folders = map(_package_name, _folders)
    return {*folders, *(entry.module.partition(".")[0] for entry in entries)}


def _checked_folder(path: str | Path) -> Path:
    """Returns the absolute path of a folder of `--plugins` that holds options."""
    folder = Path(os.path.expanduser(path)).resolve()
    if not any((folder / name).is_dir() for name in (*AXES, CONF)):
        raise ConfigError(
            f"--plugins: there is no folder {path} with options; expected at least one "
            f"of the folders {', '.join((*AXES, CONF))} in it"
        )
    return folder


def _package_name(folder: Path) -> str:
    return f"{FOLDER_PACKAGE}{crc32(str(folder).encode()):08x}"


def _check_config_names() -> None:
    """Refuses a YAML file of a plugin if mtl-cli or another plugin has this config."""
    owner_by_name: dict[Path, str] = {}
    for folder in (conf_folder(), *conf_folders()):
        for path in sorted(folder.rglob("*.yaml")):
            name = path.relative_to(folder)
            if name in owner_by_name:
                raise ConfigError(
                    f"{path}: {owner_by_name[name]} has a config of this name; rename "
                    "the file"
                )
            owner = "mtl-cli" if folder == conf_folder() else str(folder)
            owner_by_name[name] = owner


# The result is cached, because a data set asks for the same axis once per feature.
@cache
def _cached_sources(
    axis: str, plugin_folders: tuple[Path, ...], *_import_paths: tuple[str, ...] | Path
) -> dict[str, OptionSource]:
    sources: dict[str, OptionSource] = {}
    for name, source in _named_sources(axis, plugin_folders):
        if name in sources:
            raise ConfigError(
                f"{source.label}: the name {name!r} belongs to {sources[name].label} "
                "already; take another name"
            )
        sources[name] = source
    return sources


def _named_sources(
    axis: str, plugin_folders: tuple[Path, ...]
) -> Iterator[tuple[str, OptionSource]]:
    """Yields name and source of mtl-cli's options, of `--plugins` and of packages."""
    for name in _module_names(import_module(f"mtl_cli.{axis}").__path__):
        module = f"mtl_cli.{axis}.{name}"
        yield name, OptionSource(module, partial(import_module, module), False)
    for folder in plugin_folders:
        for name in _module_names([str(folder / axis)]):
            load = partial(import_module, f"{_package_name(folder)}.{axis}.{name}")
            file = str(folder / axis / f"{name}.py")
            yield name, OptionSource(file, load, is_plugin=True)
    for entry in _entry_points(axis):
        label = f"entry point {entry.value!r}"
        yield entry.name, OptionSource(label, entry.load, is_plugin=True)


def _module_names(folders: Sequence[str]) -> list[str]:
    """Each module is an option, except for `base` and names that start with `_`."""
    names = sorted(module.name for module in pkgutil.iter_modules(folders))
    return [name for name in names if name != "base" and not name.startswith("_")]


def _entry_points(name: str) -> list[EntryPoint]:
    """Returns the entry points of the group `mtl_cli.NAME` of installed packages."""
    entries = _all_entry_points(tuple(sys.path), Path.cwd())
    return [entry for entry in entries if entry.group == f"mtl_cli.{name}"]


@cache
def _all_entry_points(sys_path: tuple[str, ...], cwd: Path) -> list[EntryPoint]:
    folders = [Path(path).resolve() for path in sys_path if path]
    # A package that just lies in the current folder does not count as installed.
    paths = [str(folder) for folder in folders if folder != cwd]
    packages: dict[str, Distribution] = {}
    for package in distributions(path=paths):
        # Only of these few packages the name is read, which is slow. If two have the
        # same name, Python imports the first one.
        if "[mtl_cli." in (package.read_text("entry_points.txt") or ""):
            packages.setdefault(package.name, package)
    return [e for package in packages.values() for e in package.entry_points]
