"""Messages about options that a config group lacks, such as `model=mmo`."""

from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import MissingConfigException

from mtl_cli.cli.config_groups import is_group, options_of_group
from mtl_cli.config.groups import AXIS_OF_GROUP, GROUPS_OF_CLASSES
from mtl_cli.core.errors import first_line
from mtl_cli.core.message_text import suggest
from mtl_cli.core.option_classes import suggest_option
from mtl_cli.core.plugins import sources

# {(group, option) of Hydra: the extra of mtl-cli that installs the option}
EXTRA_OF_OPTION = {
    ("hydra/launcher", "joblib"): "parallel",
    ("hydra/launcher", "submitit_local"): "slurm",
    ("hydra/launcher", "submitit_slurm"): "slurm",
    ("hydra/launcher", "ray"): "ray",
    ("hydra/sweeper", "optuna"): "hpo",
    ("hydra/sweeper", "list"): "hpo",
}

BASIC = "basic"  # the launcher and the sweeper that Hydra itself has


def no_option_name_message(settings: list[str]) -> str:
    """Explains the first setting such as `model=3`: 3 cannot be the name of an option.

    Returns "" if there is no such setting.
    """
    for override in OverridesParser.create().parse_overrides(settings):
        group = override.key_or_group
        value = override.value()
        is_choice = ("/" in group or is_group(group)) and not override.is_delete()
        if is_choice and (value is None or isinstance(value, int | float | dict)):
            wrong = override.get_value_element_as_str()
            options = ", ".join(options_of_group(group))
            known_options = f": {options}" if options else ""
            return (
                f"{group}: {wrong} is not the name of an option; leave the setting "
                f"out, or name an option of {group}{known_options}"
            )
    return ""


def unknown_option_message(error: MissingConfigException) -> str:
    """Explains that a config group lacks an option, or that there is no such config."""
    path = str(error.missing_cfg_file or "")  # GROUP/OPTION
    group, _, option = path.rpartition("/")
    if path and not group:  # such as the name in `--config-name mine`
        return (
            f"there is no config '{path}' in the folders of configs; correct its name"
        )
    if (group, option) in EXTRA_OF_OPTION:
        extra = EXTRA_OF_OPTION[group, option]
        return f"{group}={option} needs a package: pip install 'mtl-cli[{extra}]'"
    if group in {hydra_group for hydra_group, _ in EXTRA_OF_OPTION}:
        return missing_plugin_message(group, option)
    options = options_of_group(group)
    if group in GROUPS_OF_CLASSES:
        source = sources(AXIS_OF_GROUP[group][0]).get(option)
        if source is not None:
            return (
                f"{source.label} has no YAML file; add conf/{path}.yaml to its plugin, "
                f"with `name: {option}` and a value for each key"
            )
    if not options:
        return unknown_path_message(path) or first_line(error)
    if group in GROUPS_OF_CLASSES:  # plugins can add options: the hint names --plugins
        hint = suggest_option(option, options)
    else:
        hint = suggest(option, options)
    return missing_option_message(group, option, options, hint)


def missing_plugin_message(group: str, option: str) -> str:
    """Returns the message that Hydra has no launcher or sweeper of this name.

    The message names the launchers or sweepers of Hydra, of mtl-cli's extras, and of
    the folders of configs.
    """
    extras = {name: extra for (g, name), extra in EXTRA_OF_OPTION.items() if g == group}
    names = [BASIC, *extras, *options_of_group(group)]
    names_with_extras = [
        f"{name} (extra {extras[name]})" if name in extras else name for name in names
    ]
    hint = suggest(option, names)
    return missing_option_message(group, option, names_with_extras, hint)


def unknown_path_message(path: str) -> str:
    """Explains that there is no config with a path, such as `GROUP/OPTION`.

    The user has given the path of a file, as in `dataset=conf/dataset/adult.yaml`, or
    an option without its subfolder, as in `experiment=adult_ple` in place of
    `experiment=source/adult_ple`.

    Returns "" if the group does not exist either.
    """
    group, _, option = path.partition("/")
    options = options_of_group(group, "**/*.yaml")
    similar = [name for name in options if Path(name).name == Path(option).stem]
    hint = f"; did you mean {similar[0]}?" if similar else ""
    return missing_option_message(group, option, options, hint) if options else ""


def missing_option_message(
    group: str, option: str, options: list[str], hint: str
) -> str:
    """Returns the message that a group lacks an option, with the options that it has.

    `hint` is the end of the message, such as "; did you mean mmoe?", or "".
    """
    names = ", ".join(options)
    return f"the group '{group}' has no option '{option}'; known: {names}{hint}"
