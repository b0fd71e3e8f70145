"""Explains wrong settings of the command line, each in one line with the fix.

Hydra and OmegaConf raise the same few classes of errors for many mistakes, so only the
texts tell which mistake it is. The comments quote the texts of Hydra 1.3 and OmegaConf
2.3, each below a setting that leads to the text. If an error of OmegaConf is the cause
of Hydra's error, its text follows the text of Hydra.
"""

import re
import shlex
from typing import Any

from hydra.errors import (
    ConfigCompositionException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.cli.config_groups import compose_chosen_options, group_choices
from mtl_cli.cli.config_guard import COMPOSED_SETTINGS
from mtl_cli.cli.hydra_key_errors import (
    NOT_OPTIONAL,
    SWEPT_HYDRA_KEY,
    hydra_key_message,
    null_message,
    swept_hydra_key_message,
)
from mtl_cli.cli.option_errors import no_option_name_message, unknown_option_message
from mtl_cli.config.unknown_keys import (
    dotted_keys,
    is_schema_key,
    known_siblings,
    similar_key_anywhere,
    unknown_key_message,
)
from mtl_cli.core.errors import first_line

# {section: advice to a user who has set the whole section: `dataset.tasks=[click]`}
ADVICE_FOR_SECTION = {
    "dataset.tasks": "; choose tasks by tasks=[A,B]",
    "dataset.features": "; leave a feature out by '~dataset.features.NAME'",
}
# experiment=mine, a file with the line `model: [a]`
#   In 'experiment/mine': ConfigTypeError raised while composing config:
#   Cannot merge DictConfig with ListConfig
COMPOSING_ERROR = re.compile(r".*raised while composing config:\n(?P<reason>.+)")
# seed=1,2
#   Ambiguous value for argument 'seed=1,2'
AMBIGUOUS_VALUE = "Ambiguous value for argument"
# ~model.depth
#   Could not delete from config. 'model.depth' does not exist.
REMOVED_KEY = re.compile(r"Could not delete from config\. '(?P<key>.+)' does not exist")
# model.depth=3
#   Could not override 'model.depth'.
# sweep=mine, a file that sets `hydra.sweeper.params.seed` to null
#   In 'sweep/mine': ValidationError raised while composing config:
#   field 'hydra.sweeper.params.seed' is not Optional
#       full_key: hydra.sweeper.params.seed
NAMED_KEY = re.compile(r"(?:Could not override|full_key:) '?(?P<key>[\w.-]+)")


def message_about_settings(
    error: Exception, root_cause: BaseException, arguments: list[str]
) -> str | None:
    """Explains an error of Hydra or OmegaConf; None for other errors."""
    # model=3
    #   Config group override must be a string or a list. Got int
    if "Config group override must be a string" in str(error):
        return no_option_name_message(composed_settings(error)) or first_line(error)
    # model=plee; this class comes before its base class, `ConfigCompositionException`
    #   In 'config': Could not find 'model/plee'
    if isinstance(error, MissingConfigException):
        return unknown_option_message(error)
    # epochs
    #   Error parsing override 'epochs'
    if isinstance(error, OverrideParseException):
        return unreadable_setting_message(str(error.override), arguments)
    if isinstance(error, ConfigCompositionException | OmegaConfBaseException):
        return composition_message(error, root_cause, arguments)
    return None


def unreadable_setting_message(setting: str, arguments: list[str]) -> str:
    """Explains why an argument cannot be read as `key=value`."""
    key, equals, value = setting.partition("=")
    if equals:
        quoted = f'"{value.strip()}"'
        if value.startswith("[") and value.endswith("]"):
            # Quotes around the whole list would make a text of the list.
            items = [f'"{item.strip()}"' for item in value[1:-1].split(",")]
            quoted = f"[{','.join(items)}]"
        return (
            f"cannot read '{setting}'; quote a value that has special characters: "
            f"{shlex.quote(f'{key}={quoted}')}"
        )
    similar = similar_key(setting, arguments)
    hint = f"; did you mean {similar}=...?" if similar else ""
    return f"'{setting}' has no '='; settings are given as key=value{hint}"


def composition_message(
    error: BaseException, root_cause: BaseException, arguments: list[str]
) -> str:
    """Explains why settings do not fit the configuration.

    If both errors name a key, the key of `error` is taken: for the setting
    `model.depth.max=3`, Hydra's error names the whole key, but OmegaConf's error, the
    root cause, names only `model.depth`.
    """
    message = first_line(root_cause)
    if message.startswith(AMBIGUOUS_VALUE):
        return f"{message}: add -m to run every value, or write a list as [A,B]"
    if match := SWEPT_HYDRA_KEY.match(message):
        return swept_hydra_key_message(match["key"], match["value"])
    reason = message
    if match := COMPOSING_ERROR.match(str(root_cause)):  # the reason is the second line
        reason = match["reason"]
        message += f" {reason}"
    removal = REMOVED_KEY.match(message)
    key = removal["key"] if removal else named_key(error) or named_key(root_cause)
    if not key:
        return message
    if NOT_OPTIONAL in str(root_cause):
        return null_message(key)
    if key.startswith("hydra.") and not removal:
        return hydra_key_message(named_key(root_cause) or key, root_cause, reason)
    settings = composed_settings(error) or composed_settings(root_cause) or arguments
    config = compose_chosen_options(settings)
    if not config:
        return message
    # If a sweep's command has the argument `model=ple,mmoe`, a job has the setting
    # `model=ple`. The message then begins with `model=ple: `.
    chosen_by_job = [s for s in group_choices(settings) if s not in arguments]
    job = "".join(f"{setting}: " for setting in chosen_by_job)
    if removal:
        return f"{job}{removal_message(key, config)}"
    # dataset.tasks=[click]: the user has set the whole section
    #   Error merging override dataset.tasks=[click]
    #   Cannot merge DictConfig with ListConfig
    #       full_key: dataset.tasks
    if key in dotted_keys(config):
        advice = ADVICE_FOR_SECTION.get(key, "")
        return f"{key}: {message}; set one key at a time: {key}.KEY=VALUE{advice}"
    return f"{job}{unknown_key_message(key, config)}"


def removal_message(key: str, config: dict[Any, Any]) -> str:
    """Explains that a setting such as `~model.depth` finds no value to remove."""
    section, _, name = key.rpartition(".")
    parent, siblings = known_siblings(key, config)
    is_known = is_schema_key(key, config) or (parent == section and name in siblings)
    if is_known or key in dotted_keys(config):
        return f"~{key}: the key has no value to remove; leave ~{key} out"
    return unknown_key_message(key, config)


def unknown_flag_message(flag: str, arguments: list[str]) -> str:
    """Explains that a flag is unknown, and suggests a similar setting.

    A user may expect the flags of other tools, such as `--num-epochs`.
    """
    name, _, value = flag.lstrip("-").partition("=")
    similar = similar_key(name.replace("-", "_"), arguments)
    hint = f"; did you mean {similar}={value or '...'}?" if similar else ""
    return f"there is no flag '{flag}'; settings are given without dashes{hint}"


def similar_key(word: str, arguments: list[str]) -> str | None:
    """Returns a key that resembles a word, or whose last part resembles the word."""
    known_keys = dotted_keys(compose_chosen_options(arguments))
    return similar_key_anywhere(word, known_keys, name_cutoff=0.7)


def named_key(error: BaseException) -> str:
    """Returns the dotted key that an error names, or ""."""
    key = getattr(error, "full_key", None)
    if key:
        return str(key)
    match = NAMED_KEY.search(str(error))
    return match["key"] if match else ""


def composed_settings(error: BaseException) -> list[str]:
    """Returns the settings that Hydra composed when it failed; [] if not known.

    `config_guard.name_settings_in_errors` has added them to the error as a note.
    """
    for text in getattr(error, "__notes__", []):
        if text.startswith(COMPOSED_SETTINGS):
            return shlex.split(text.removeprefix(COMPOSED_SETTINGS))
    return []
