"""Explains wrong settings of the command line, each in one line with the fix."""

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
from mtl_cli.cli.option_errors import no_option_name_message, unknown_option_message
from mtl_cli.config.known_keys import dotted_keys, is_schema_key, known_siblings
from mtl_cli.config.unknown_keys import similar_keys_anywhere, unknown_key_message
from mtl_cli.core.errors import first_line

# {section: advice to a user who has set the whole section: `dataset.tasks=[click]`}
ADVICE_FOR_SECTION = {
    "dataset.tasks": "; choose tasks by tasks=[A,B]",
    "dataset.features": "; leave a feature out by '~dataset.features.NAME'",
}
SWEEPER_PARAMS = "hydra.sweeper.params"
# OmegaConf's text about a value that must not be null, such as a swept value:
#   field 'hydra.sweeper.params.seed' is not Optional
NOT_OPTIONAL = "is not Optional"
# Hydra's text about a file that it cannot compose; the second line is the reason:
#   In 'sweep/mine': ValidationError raised while composing config:
#   Merge error: str is not a subclass of SamplerConfig. value: ${attack}
COMPOSING_ERROR = re.compile(r".*raised while composing config:\n(?P<reason>.+)")
# Hydra's text about several values for a key of Hydra's own section:
#   Sweeping over Hydra's configuration is not supported : 'hydra.sweep.dir=a,b'
SWEPT_HYDRA_KEY = re.compile(
    "Sweeping over Hydra's configuration is not supported"
    " : '(?P<key>[^=]+)=(?P<value>.*)'"
)
# Hydra's text about a setting such as `~model.depth`:
#   Could not delete from config. 'model.depth' does not exist.
REMOVED_KEY = re.compile(r"Could not delete from config\. '(?P<key>.+)' does not exist")
# The texts of Hydra and of OmegaConf that name a key:
#   Could not override 'model.depth'.
#   full_key: model.depth
NAMED_KEY = re.compile(r"(?:Could not override|full_key:) '?(?P<key>[\w.-]+)")


def message_about_sweeper_params(error: Exception, arguments: list[str]) -> str | None:
    """Explains that `hydra.sweeper.params` cannot be set; None for other errors."""
    if not is_about_sweeper_params(error, arguments):
        return None
    return (
        f"{SWEEPER_PARAMS} can only be set in a file of conf/sweep/, with text as "
        "values, such as {seed: '1,2'}; on the command line, give the swept keys "
        "themselves: mtl-train -m seed=1,2"
    )


def is_about_sweeper_params(error: Exception, arguments: list[str]) -> bool:
    """Whether Hydra could not set `hydra.sweeper.params` from the command line."""
    if not any(a.lstrip("+").startswith(SWEEPER_PARAMS) for a in arguments):
        return False
    text = f"{error} {error.__cause__}"
    if NOT_OPTIONAL in text:  # another mistake, see `composition_message`
        return False
    # `hydra.sweeper.params` is null by default. If a setting names a key of a section
    # that is null, the error does not name the section. The whole text is then:
    #   Unexpected type for root: NoneType
    return SWEEPER_PARAMS in text or "Unexpected type for root: NoneType" in text


def message_about_settings(
    error: Exception, root_cause: BaseException, arguments: list[str]
) -> str | None:
    """Explains an error of Hydra or OmegaConf; None for other errors.

    The order of the branches matters: a `MissingConfigException` is also a
    `ConfigCompositionException`.
    """
    # Hydra's whole text: Config group override must be a string or a list. Got int
    if "Config group override must be a string" in str(error):
        return no_option_name_message(composed_settings(error)) or first_line(error)
    if isinstance(error, MissingConfigException):
        return unknown_option_message(error)
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
    keys = similar_keys(setting, arguments)
    hint = f"; did you mean {keys[0]}=...?" if keys else ""
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
    if match := COMPOSING_ERROR.match(str(root_cause)):
        message += f" {match['reason']}"
    removal = REMOVED_KEY.match(message)
    key = removal["key"] if removal else named_key(error) or named_key(root_cause)
    if not key:
        return message_without_key(message)
    if NOT_OPTIONAL in str(root_cause):
        return null_message(key)
    settings = composed_settings(error) or composed_settings(root_cause) or arguments
    config = compose_chosen_options(settings)
    if not config:
        return message
    # In a sweep, the message begins with the options that the job has chosen, as in
    # `model=ple: `.
    job = "".join(f"{option}: " for option in swept_options(settings, arguments))
    if removal:
        return f"{job}{removal_message(key, config)}"
    is_known_section = key in dotted_keys(config)
    if is_known_section:  # the user has set the whole section, as in `model=[a]`
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


def null_message(key: str) -> str:
    """Explains that the value of a key cannot be null."""
    advice = "the value cannot be null; leave the setting out, or give a value"
    if key.startswith(SWEEPER_PARAMS):
        advice = "Hydra reads swept values as text; write null in quotes: 'null'"
    return f"{key}: {advice}"


def message_without_key(message: str) -> str:
    """Adds advice to Hydra's message about a setting, if it is a known message."""
    # Ambiguous value for argument 'seed=1,2'
    if message.startswith("Ambiguous value for argument"):
        advice = "add -m to run every value, or write a list as [A,B]"
        return f"{message.rstrip('.')}: {advice}"
    if match := SWEPT_HYDRA_KEY.match(message):
        key = match["key"]
        value = match["value"]
        return (
            f"{key}: a sweep cannot vary the keys of Hydra; if {value} is one value, "
            f"quote this value: '{key}=\"{value}\"'"
        )
    return message


def swept_options(settings: list[str], arguments: list[str]) -> list[str]:
    """Returns the settings of a sweep's job that choose one of several options.

    If the command has the argument `model=ple,mmoe`, a job has the setting `model=ple`,
    which is not an argument of the command.
    """
    return [choice for choice in group_choices(settings) if choice not in arguments]


def unknown_flag_message(flag: str, arguments: list[str]) -> str:
    """Explains that a flag is unknown, and suggests a similar setting.

    A user may expect the flags of other tools, such as `--num-epochs`.
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
    match = NAMED_KEY.search(str(error))
    return match["key"] if match else ""


def composed_settings(error: BaseException) -> list[str]:
    """Returns the settings that Hydra composed when it failed; [] if not known.

    `config_guard.noted_settings` has added these settings to the error as a note.
    """
    for text in getattr(error, "__notes__", []):
        if text.startswith(COMPOSED_SETTINGS):
            return shlex.split(text.removeprefix(COMPOSED_SETTINGS))
    return []
