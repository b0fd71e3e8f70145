"""The config groups on a command line, and the keys that their chosen options have."""

import contextlib
from os.path import isdir
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from mtl_cli.core.paths import conf_folder, user_conf_folder
from mtl_cli.core.plugins import conf_folders as plugin_conf_folders


def compose_chosen_options(arguments: list[str]) -> dict[Any, Any]:
    """Composes the configuration with the chosen options, without other settings.

    The result shows which keys exist: with `model=mmoe`, the keys of MMoE. If the
    chosen options cannot be composed, the default options are composed. If the default
    options cannot be composed either, the result is {}.
    """
    GlobalHydra.instance().clear()
    for choices in (group_choices(arguments), []):
        with (
            contextlib.suppress(Exception),
            initialize_config_dir(str(conf_folder()), version_base="1.3"),
        ):
            settings = [*choices, "hydra.job.name=x"]  # any name: Hydra needs one
            values = OmegaConf.to_container(compose("config", settings))
            return values if isinstance(values, dict) else {}
    return {}


def group_choices(arguments: list[str]) -> list[str]:
    """Returns the arguments that choose one option of a config group."""
    return [
        argument
        for argument in arguments
        if "=" in argument
        and "," not in argument
        and is_group(argument.lstrip("+").partition("=")[0])
    ]


def is_group(name: str) -> bool:
    # Path.is_dir raises an error if a word is too long for the name of a file.
    return bool(name) and any(isdir(folder / name) for folder in config_folders())


def options_of_group(group: str) -> list[str]:
    """Returns the names of the options in a config group: one option per YAML file.

    An option in a subfolder of the group has the name FOLDER/NAME.
    """
    return sorted(
        path.relative_to(folder / group).with_suffix("").as_posix()
        for folder in config_folders()
        for path in (folder / group).glob("**/*.yaml")
        if path.is_file()
    )


def config_folders() -> list[Path]:
    folders = [conf_folder(), user_conf_folder(), *plugin_conf_folders()]
    return [folder for folder in folders if folder is not None]
