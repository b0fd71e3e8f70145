"""Finds the options of each axis, in the folders of mtl-cli and in plugins.

An axis is a folder of options, such as `models`: each file there is one option. A
plugin is an installed package with an entry point, or a folder that the command line
names by `--plugins`. Nothing else can add code to a run: no YAML file, no environment
variable, and no file that just lies in the current folder.
"""

import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from zlib import crc32

from mtl_cli.core.entry_points import entry_points, package_paths
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

    Attributes:
        label: the name of the source, for messages.
        load: a function that imports the option. The function returns the class of the
            option, or the module that holds this class.
        is_plugin: whether the option does not come from mtl-cli.
    """

    label: str
    load: Callable[[], object]
    is_plugin: bool


def use_folders(paths: Sequence[str | Path]) -> None:
    """Registers the folders of `--plugins` in place of the folders of an earlier call.

    A folder is laid out like `mtl_cli`: it holds `models/NAME.py`, `features/NAME.py`
    and so on, and YAML files such as `conf/model/NAME.yaml`. The files of a folder
    import each other by relative imports. Modules that are imported already stay
    imported, but the options of earlier folders can no longer be chosen.

    Raises:
        ConfigError: if a folder does not exist or holds no options, or if two options
            or two YAML files have the same name. The folders of an earlier call then
            stay registered.
    """
    global _folders
    folders = tuple(dict.fromkeys(map(_checked_folder, paths)))
    # Files may have been added to a folder since an earlier call named this folder.
    _cached_sources.cache_clear()
    for axis in AXES:
        _sources(axis, folders)  # raises an error if a name is used twice
    _check_config_names(folders)
    # Each folder becomes a Python package, so that relative imports work in it.
    for folder in folders:
        package = ModuleType(_package_name(folder))
        package.__path__ = [str(folder)]
        sys.modules[package.__name__] = package
    _folders = folders


def used_folders() -> list[str]:
    """Returns the registered folders, so that other processes can register them too."""
    return [str(folder) for folder in _folders]


def plugin_flags() -> list[str]:
    """Returns the flags `--plugins=FOLDER` for commands that the user may run next."""
    return [f"--plugins={short_path(folder)}" for folder in _folders]


def conf_folders() -> list[Path]:
    """Returns the folders with the YAML files of plugins.

    An installed package names its folder by an entry point of the group `mtl_cli.conf`.
    """
    return _conf_folders(_folders)


def unknown_folders() -> list[Path]:
    """Returns the folders with Python files in `--plugins` that belong to no axis."""
    return sorted(
        path
        for folder in _folders
        for path in {file.parent for file in folder.glob("*/*.py")}
        if path.name not in AXES
    )


def sources(axis: str) -> dict[str, OptionSource]:
    """Returns {name: source} for every option of an axis."""
    return _sources(axis, _folders)


def _checked_folder(path: str | Path) -> Path:
    """Returns the absolute path of a folder of `--plugins` that holds options."""
    try:
        folder = Path(path).expanduser().resolve()
    except RuntimeError:  # `~` of a user without a home folder
        folder = Path(path)
    if not folder.is_dir():
        raise ConfigError(
            f"--plugins: there is no folder {path}; name an existing folder"
        )
    if not any((folder / name).is_dir() for name in (*AXES, CONF)):
        raise ConfigError(
            f"--plugins: {path} holds no options; expected at least one of the "
            f"folders {', '.join((*AXES, CONF))} in it"
        )
    return folder


def _package_name(folder: Path) -> str:
    """Returns the name of the Python package that a folder of `--plugins` becomes."""
    return f"{FOLDER_PACKAGE}{crc32(str(folder).encode()):08x}"


def _conf_folders(plugin_folders: tuple[Path, ...]) -> list[Path]:
    """Returns the `conf_folders`, if `--plugins` named these folders."""
    folders = [folder / CONF for folder in plugin_folders]
    for entry in entry_points(CONF, package_paths()):
        spec = importlib.util.find_spec(entry.value)
        if spec is not None:
            folders += map(Path, spec.submodule_search_locations or [])
    return [folder for folder in folders if folder.is_dir()]


def _check_config_names(plugin_folders: tuple[Path, ...]) -> None:
    """Refuses a YAML file of a plugin if mtl-cli or another plugin has this config."""
    owner_by_name: dict[Path, str] = {}
    for folder in (conf_folder(), *_conf_folders(plugin_folders)):
        for path in sorted(folder.rglob("*.yaml")):
            name = path.relative_to(folder)
            if name in owner_by_name:
                raise ConfigError(
                    f"{path}: {owner_by_name[name]} has a config of this name; rename "
                    "the file"
                )
            owner = "mtl-cli" if folder == conf_folder() else str(folder)
            owner_by_name[name] = owner


def _sources(axis: str, plugin_folders: tuple[Path, ...]) -> dict[str, OptionSource]:
    """Returns the `sources` of an axis, if `--plugins` named these folders."""
    return _cached_sources(axis, plugin_folders, package_paths())


# The result is cached, because a data set asks for the same axis once per feature.
@cache
def _cached_sources(
    axis: str, plugin_folders: tuple[Path, ...], paths: tuple[str, ...]
) -> dict[str, OptionSource]:
    named_sources = [
        *_builtin_sources(axis),
        *_folder_sources(axis, plugin_folders),
        *_entry_point_sources(axis, paths),
    ]
    sources: dict[str, OptionSource] = {}
    for name, source in named_sources:
        if name in sources:
            raise ConfigError(
                f"{source.label}: the name {name!r} belongs to {sources[name].label} "
                "already; take another name"
            )
        sources[name] = source
    return sources


def _builtin_sources(axis: str) -> Iterator[tuple[str, OptionSource]]:
    """Yields the name and source of each option that mtl-cli itself has."""
    for name in _module_names(import_module(f"mtl_cli.{axis}").__path__):
        module = f"mtl_cli.{axis}.{name}"
        load = partial(import_module, module)
        yield name, OptionSource(module, load, is_plugin=False)


def _folder_sources(
    axis: str, plugin_folders: tuple[Path, ...]
) -> Iterator[tuple[str, OptionSource]]:
    """Yields the name and source of each option in the folders of `--plugins`."""
    for folder in plugin_folders:
        for name in _module_names([str(folder / axis)]):
            file = str(folder / axis / f"{name}.py")
            load = partial(import_module, f"{_package_name(folder)}.{axis}.{name}")
            yield name, OptionSource(file, load, is_plugin=True)


def _entry_point_sources(
    axis: str, paths: tuple[str, ...]
) -> Iterator[tuple[str, OptionSource]]:
    """Yields the name and source of each option of an installed package."""
    for entry in entry_points(axis, paths):
        label = f"entry point {entry.value!r}"
        yield entry.name, OptionSource(label, entry.load, is_plugin=True)


def _module_names(folders: Sequence[str]) -> list[str]:
    """Returns the names of the options in some folders.

    Each module is an option, except for `base` and modules whose names start with `_`.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(folders))
    return [name for name in names if name != "base" and not name.startswith("_")]
