"""The config groups, their options, and the keys that chosen options have."""

import contextlib
from os.path import isdir
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from mtl_cli.config.groups import GROUPS_OF_CLASSES
from mtl_cli.core.message_text import suggest
from mtl_cli.core.option_classes import suggest_option
from mtl_cli.core.paths import conf_folder, user_conf_folder
from mtl_cli.core.plugins import conf_folders as plugin_conf_folders

# {group of Hydra: {option: the extra of mtl-cli that installs the option}}
EXTRAS = {
    "hydra/launcher": {
        "joblib": "parallel",
        "submitit_local": "slurm",
        "submitit_slurm": "slurm",
        "ray": "ray",
    },
    "hydra/sweeper": {"optuna": "hpo", "list": "hpo"},
}


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


def unknown_option_message(path: str) -> str:
    """Explains that there is no option GROUP/OPTION; "" if there is no such group."""
    group, _, option = path.rpartition("/")
    if extra := EXTRAS.get(group, {}).get(option):
        return f"{group}={option} needs a package: pip install 'mtl-cli[{extra}]'"
    if group in EXTRAS:
        names = ["basic", *EXTRAS[group], *options_of_group(group)]
    else:
        group, _, option = path.partition("/")
        names = options_of_group(group)
    if not (path and names):
        return ""
    # Plugins can add options to the groups of classes: the hint names --plugins.
    hint_of = suggest_option if group in GROUPS_OF_CLASSES else suggest
    return (
        f"the group '{group}' has no option '{option}'; known: {', '.join(names)}"
        f"{hint_of(option, names)}"
    )


def config_folders() -> list[Path]:
    folders = [conf_folder(), user_conf_folder(), *plugin_conf_folders()]
    return [folder for folder in folders if folder is not None]
