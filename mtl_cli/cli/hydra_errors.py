"""Turns the errors of Hydra and OmegaConf into messages of one line, with the fix.

Hydra and OmegaConf raise the same few classes of errors for many mistakes, so only the
texts tell which mistake it is. The comments quote the texts of Hydra 1.3 and OmegaConf
2.3, each below a setting that leads to the text.
"""

import re
import shlex

import yaml
from hydra.errors import (
    ConfigCompositionException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    OmegaConfBaseException,
)

from mtl_cli.cli.config_groups import (
    compose_chosen_options,
    group_choices,
    options_of_group,
    unknown_option_message,
)
from mtl_cli.cli.config_guard import COMPOSED_SETTINGS
from mtl_cli.config.overrides import quoted, without_added_prefix
from mtl_cli.config.unknown_keys import dotted_keys, unknown_key_message
from mtl_cli.core.errors import first_line, system_error_message
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.core.secrets import mask_secrets

# model.depth=3
#   Could not override 'model.depth'.
# sweep=mine, a file that sets `hydra.sweeper.params.seed` to null
#   In 'sweep/mine': ValidationError raised while composing config:
#   field 'hydra.sweeper.params.seed' is not Optional
#       full_key: hydra.sweeper.params.seed
NAMED_KEY = re.compile(r"(?:Could not override|full_key:) '?(?P<key>[\w.-]+)")


def explain(error: Exception, arguments: list[str]) -> str:
    """Explains an error of the command line or the YAML files in one line.

    An error of Hydra says where Hydra failed. Its root cause, an error of OmegaConf or
    Python, says what is wrong.
    """
    root_cause: BaseException = error
    while root_cause.__cause__ is not None:
        root_cause = root_cause.__cause__
    # `mtl-train` adds `++` to settings of some sections; the user did not type it.
    return without_added_prefix(message_of(error, root_cause, arguments))


def message_of(
    error: Exception, root_cause: BaseException, arguments: list[str]
) -> str:
    """Returns the message for an error of Hydra, OmegaConf, YAML or Python."""
    if isinstance(error, yaml.YAMLError):
        mark = getattr(error, "problem_mark", None)
        if isinstance(error, yaml.MarkedYAMLError) and mark is not None:
            return f"{mark.name}:{mark.line + 1}:{mark.column + 1}: {error.problem}"
        return " ".join(str(error).split())
    if isinstance(root_cause, RecursionError):
        return (
            "the settings are nested too deeply, or the files of the configuration "
            "include each other without end; write fewer brackets, or correct the "
            "defaults lists"
        )
    # model=plee
    #   In 'config': Could not find 'model/plee'
    if isinstance(error, MissingConfigException):
        path = str(error.missing_cfg_file or "")
        return unknown_option_message(path) or first_line(error)
    # epochs
    #   Error parsing override 'epochs'
    if isinstance(error, OverrideParseException):
        return unreadable_setting_message(str(error.override))
    # +hydra.sweeper.pruner=median
    #   Error in call to target '[...].OptunaSweeper':
    #   TypeError("[...]__init__() got an unexpected keyword argument 'pruner'")
    #   full_key: hydra.sweeper
    if isinstance(error, InstantiationException):
        return f"{named_key(error)}: {first_line(root_cause)}; correct its settings"
    if isinstance(error, ConfigCompositionException | OmegaConfBaseException):
        return composition_message(error, root_cause, arguments)
    if isinstance(error, OSError) and error.errno:  # for example of the run folder
        return system_error_message(error)
    # -m seed=interval(1,9)
    if str(error).startswith("BasicSweeper does not support sweep type"):
        return (
            "an interval of values is searched, not swept; add hydra/sweeper=optuna "
            "and hydra.sweeper.n_trials=20, or list the values: KEY=A,B,C"
        )
    # model=3
    if str(error).startswith("Config group override must be a string"):
        for choice in group_choices(composed_settings(error)):
            group, _, option = choice.lstrip("+").partition("=")
            if option not in options_of_group(group):
                return unknown_option_message(f"{group}/{option}")
            # dataset=2024, an option with a file conf/dataset/2024.yaml
            if quoted(option) != option:
                return (
                    f"{choice}: Hydra reads {option} as a value, not as a name; write "
                    f"'{group}=\"{option}\"'"
                )
    key = named_key(error)
    return f"{key}: {first_line(error)}" if key else first_line(error)


def unreadable_setting_message(setting: str) -> str:
    """Explains why an argument cannot be read as `key=value`."""
    if "=" not in setting:
        return f"{shown(setting)} has no '='; settings are given as key=value"
    return (
        f"cannot read '{setting}'; quote a value that has special characters: "
        "'KEY=\"VALUE\"'"
    )


def composition_message(
    error: BaseException, root_cause: BaseException, arguments: list[str]
) -> str:
    """Explains why settings do not fit the configuration.

    If both errors name a key, the key of `error` is taken: for the setting
    `model.depth.max=3`, Hydra's error names the whole key, but OmegaConf's error, the
    root cause, names only `model.depth`.
    """
    # experiment=mine, a file with the line `model: [a]`
    #   In 'experiment/mine': ConfigTypeError raised while composing config:
    #   Cannot merge DictConfig with ListConfig
    text = mask_secrets(str(root_cause)).replace("composing config:\n", "composing: ")
    message = text.strip().partition("\n")[0]
    # seed=1,2
    #   Ambiguous value for argument 'seed=1,2'
    if message.startswith("Ambiguous value for argument"):
        return f"{message}: add -m to run every value, or write a list as [A,B]"
    # ~model.depth
    #   Could not delete from config. 'model.depth' does not exist.
    if message.startswith("Could not delete"):
        return f"{message.rstrip('.')}; correct this setting, or leave it out"
    key = named_key(error) or named_key(root_cause)
    if key.startswith("hydra."):
        return hydra_key_message(named_key(root_cause) or key, root_cause, message)
    if not key:
        return message if error is root_cause else f"{first_line(error)}: {message}"
    settings = composed_settings(error) or composed_settings(root_cause) or arguments
    config = compose_chosen_options(settings)
    if not config:
        return message
    # dataset.tasks=[click]: the user has set the whole section
    #   Error merging override dataset.tasks=[click]
    #   Cannot merge DictConfig with ListConfig
    #       full_key: dataset.tasks
    if key in dotted_keys(config):
        return f"{key}: {message}; set one key at a time: {key}.KEY=VALUE"
    # If a sweep's command has the argument `model=ple,mmoe`, a job has the setting
    # `model=ple`. The message then begins with `model=ple: `.
    chosen_by_job = [s for s in group_choices(settings) if s not in arguments]
    job = "".join(f"{setting}: " for setting in chosen_by_job)
    return f"{job}{unknown_key_message(key, config)}"


def hydra_key_message(key: str, error: BaseException, message: str) -> str:
    """Explains that Hydra's own section lacks a key, or that a value is wrong."""
    if not isinstance(error, ConfigAttributeError | ConfigKeyError):
        return f"{key}: {message}; correct this setting"
    section, _, name = key.rpartition(".")
    siblings = [str(k) for k in error.parent_node or () if k != "_target_"]
    known_keys = ", ".join(siblings) or "none"
    return (
        f"unknown key '{key}'; known keys of {section}: {known_keys}"
        f"{suggest(name, siblings)}"
    )


def named_key(error: BaseException) -> str:
    """Returns the dotted key that an error names, or ""."""
    key = getattr(error, "full_key", None)
    if key:
        return str(key)
    match = NAMED_KEY.search(str(error))
    return match["key"] if match else ""


def composed_settings(error: BaseException) -> list[str]:
    """Returns the settings that Hydra composed when it failed; [] if not known.

    `config_guard` has added them to the error as a note.
    """
    for text in getattr(error, "__notes__", []):
        if text.startswith(COMPOSED_SETTINGS):
            return shlex.split(text.removeprefix(COMPOSED_SETTINGS))
    return []
