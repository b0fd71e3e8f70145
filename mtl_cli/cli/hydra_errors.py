"""Turns Hydra's errors into messages of one line, with the fix."""

import re
import shlex
from pathlib import Path

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import (
    ConfigCompositionException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.cli.config_groups import (
    compose_chosen_options,
    group_choices,
    is_group,
    option_names,
)
from mtl_cli.cli.config_guard import COMPOSED_SETTINGS
from mtl_cli.config.json_schema import GROUPS_OF_CLASSES
from mtl_cli.config.overrides import as_typed
from mtl_cli.config.unknown_keys import (
    dotted_keys,
    similar_keys_anywhere,
    unknown_key_message,
)
from mtl_cli.core.errors import first_line, not_utf8_message, suggest
from mtl_cli.core.options import suggest_option

# {(group, option) of Hydra: the extra of mtl-cli that installs the option}
EXTRA_OF_OPTION = {
    ("hydra/launcher", "joblib"): "parallel",
    ("hydra/launcher", "submitit_local"): "slurm",
    ("hydra/launcher", "submitit_slurm"): "slurm",
    ("hydra/launcher", "ray"): "ray",
    ("hydra/sweeper", "optuna"): "hpo",
    ("hydra/sweeper", "list"): "hpo",
}
# {key: advice to a user who has set the whole section, as in `dataset.tasks=[click]`}
OTHER_WAYS = {
    "dataset.tasks": "; choose tasks by tasks=[A,B]",
    "dataset.features": "; leave a feature out by '~dataset.features.NAME'",
}
SWEEPER_PARAMS = "hydra.sweeper.params"


def explain(error: Exception, arguments: list[str]) -> str:
    """Explains an error of the command line or the YAML files in one line.

    Hydra, OmegaConf or mtl-cli has raised the error.
    """
    # Hydra's messages show settings of `dataset` and `compare` with the prefix `++`.
    return as_typed(error_message(error, arguments))


def error_message(error: Exception, arguments: list[str]) -> str:
    """Explains an error in one line. Settings in this line may have the prefix `++`.

    The order of the branches matters: a `MissingConfigException` is also a
    `ConfigCompositionException` and an `OSError`, and the error of
    `hydra.sweeper.params` is also an error of OmegaConf.
    """
    root_cause: BaseException = error
    while root_cause.__cause__ is not None:
        root_cause = root_cause.__cause__
    if is_about_sweeper_params(error, arguments):
        return (
            f"{SWEEPER_PARAMS} can only be set in a file of conf/sweep/, with text as "
            "values, such as {seed: '1,2'}; on the command line, give the swept keys "
            "themselves: mtl-train -m seed=1,2"
        )
    if isinstance(error, yaml.YAMLError):
        return yaml_message(error)
    if isinstance(root_cause, UnicodeEncodeError):
        return not_utf8_message(root_cause)
    if isinstance(root_cause, RecursionError):
        return (
            "the files of the configuration include each other without end; correct "
            "the defaults lists of these files"
        )
    if "Config group override must be a string" in str(error):
        return not_a_name_message(settings_in_note(error)) or first_line(error)
    if isinstance(error, MissingConfigException):
        return unknown_option_message(error)
    if isinstance(error, OverrideParseException):
        return unreadable_setting_message(str(error.override), arguments)
    if isinstance(error, ConfigCompositionException | OmegaConfBaseException):
        return composition_message(error, root_cause, arguments)
    if isinstance(error, OSError) and error.filename:  # Hydra makes the run folder
        return f"hydra.run.dir: cannot make {error.filename}: {error.strerror}"
    return first_line(error)


def yaml_message(error: yaml.YAMLError) -> str:
    """Explains an error of YAML, with its file and line if they are known."""
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, yaml.MarkedYAMLError) and mark is not None:
        return f"{mark.name}:{mark.line + 1}:{mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def is_about_sweeper_params(error: Exception, arguments: list[str]) -> bool:
    """Whether Hydra could not set `hydra.sweeper.params` from the command line."""
    text = f"{error} {error.__cause__}"
    # `hydra.sweeper.params` is null by default. If a setting names a key of a section
    # that is null, OmegaConf's error names the type NoneType, and not the section.
    is_in_error = SWEEPER_PARAMS in text or "Unexpected type for root: NoneType" in text
    is_in_command = any(a.lstrip("+").startswith(SWEEPER_PARAMS) for a in arguments)
    # The words "is not Optional" belong to another mistake: a swept value is null.
    return is_in_command and is_in_error and "is not Optional" not in text


def composition_message(
    error: BaseException, root_cause: BaseException, arguments: list[str]
) -> str:
    """Explains why settings do not fit the configuration."""
    key = named_key(error) or named_key(root_cause)
    message = first_line(root_cause)
    if message.endswith("raised while composing config:"):
        # The reason is on the second line.
        message += f" {str(root_cause).splitlines()[1]}"
    if not key:
        if message.startswith("Ambiguous value for argument"):
            advice = "add -m to run every value, or write a list as [A,B]"
            return f"{message.rstrip('.')}: {advice}"
        if message.startswith("Sweeping over Hydra's configuration"):
            return swept_hydra_key_message(message)
        return message
    if "is not Optional" in str(root_cause):
        return f"{key}: Hydra reads swept values as text; write null in quotes: 'null'"
    settings = settings_in_note(error) or settings_in_note(root_cause) or arguments
    config = compose_chosen_options(settings)
    if not config:
        return message
    if key in dotted_keys(config):
        return (
            f"{key}: {message}; set one key at a time: {key}.KEY=VALUE"
            f"{OTHER_WAYS.get(key, '')}"
        )
    # The command line of a sweep names several options, as in `model=ple,mmoe`. The
    # message begins with the option of the job that lacks the key.
    job_options = [f"{s}: " for s in group_choices(settings) if s not in arguments]
    return f"{''.join(job_options)}{unknown_key_message(key, config)}"


def swept_hydra_key_message(message: str) -> str:
    """Explains that a key of Hydra has several values. `message` is Hydra's message."""
    quoted_setting = message.partition(" : ")[2]
    key, _, value = quoted_setting[1:-1].partition("=")
    return (
        f"{key}: a sweep cannot vary the keys of Hydra; if {value} is one value, quote "
        f"this value: '{key}=\"{value}\"'"
    )


def not_a_name_message(settings: list[str]) -> str:
    """Explains that a setting gives a group a value that cannot name an option.

    Returns "" if no setting does.
    """
    for override in OverridesParser.create().parse_overrides(settings):
        group = override.key_or_group
        value = override.value()
        is_choice = ("/" in group or is_group(group)) and not override.is_delete()
        if is_choice and (value is None or isinstance(value, int | float | dict)):
            wrong = override.get_value_element_as_str()
            options = ", ".join(option_names(group))
            known = f": {options}" if options else ""
            return (
                f"{group}: {wrong} is not the name of an option; leave the setting "
                f"out, or name an option of {group}{known}"
            )
    return ""


def unknown_option_message(error: MissingConfigException) -> str:
    """Explains that a config group lacks an option."""
    group, _, option = str(error.missing_cfg_file or "").rpartition("/")
    if (group, option) in EXTRA_OF_OPTION:
        extra = EXTRA_OF_OPTION[group, option]
        return f"{group}={option} needs a package: pip install 'mtl-cli[{extra}]'"
    options = option_names(group)
    if not options:  # the path of a file, or an option without the name of its folder
        group, _, option = str(error.missing_cfg_file or "").partition("/")
        options = option_names(group, "**/*.yaml")
        similar = [name for name in options if Path(name).name == Path(option).stem]
        hint = f"; did you mean {similar[0]}?" if similar else ""
    elif group in GROUPS_OF_CLASSES:  # the option may come from a plugin
        hint = suggest_option(option, options)
    else:
        hint = suggest(option, options)
    if not options:
        return first_line(error)
    return (
        f"the group '{group}' has no option '{option}'; known: {', '.join(options)}"
        f"{hint}"
    )


def unreadable_setting_message(setting: str, arguments: list[str]) -> str:
    """Explains why an argument cannot be read as `key=value`."""
    key, equals, value = setting.partition("=")
    if equals:
        quoted = f'"{value.strip()}"'
        if value.startswith("[") and value.endswith("]"):
            # Each item gets quotes: quotes around the list would make it a text.
            items = [f'"{item.strip()}"' for item in value[1:-1].split(",")]
            quoted = f"[{','.join(items)}]"
        return (
            f"cannot read '{setting}'; quote a value that has special characters: "
            f"'{key}={quoted}'"
        )
    keys = similar_keys(setting, arguments)
    hint = f"; did you mean {keys[0]}=...?" if keys else ""
    return f"'{setting}' has no '='; settings are given as key=value{hint}"


def unknown_flag_message(flag: str, arguments: list[str]) -> str:
    """Explains that a flag is unknown, and suggests a similar setting.

    Other tools have flags such as `--num-epochs` and `--dropout-rate`.
    """
    name, _, value = flag.lstrip("-").partition("=")
    keys = similar_keys(name.replace("-", "_"), arguments)
    hint = f"; did you mean {keys[0]}={value or '...'}?" if keys else ""
    return f"there is no flag '{flag}'; settings are given without dashes{hint}"


def similar_keys(word: str, arguments: list[str]) -> list[str]:
    """Returns keys that resemble a word, or whose last part resembles the word."""
    known_keys = dotted_keys(compose_chosen_options(arguments))
    return similar_keys_anywhere(word, known_keys, name_cutoff=0.7)


def named_key(error: BaseException) -> str:
    """Returns the dotted key that an error names, or ""."""
    key = getattr(error, "full_key", None)
    if key:
        return str(key)
    match = re.search(r"(?:Could not override|full_key:) '?([\w.]+)", str(error))
    return match.group(1) if match else ""


def settings_in_note(error: BaseException) -> list[str]:
    """Returns the settings that a note on an error lists; [] if there is no note."""
    for text in getattr(error, "__notes__", []):
        if text.startswith(COMPOSED_SETTINGS):
            return shlex.split(text.removeprefix(COMPOSED_SETTINGS))
    return []
