"""Checks the values and search spaces that a file sets in the section `hydra`."""

import re

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import shown
from mtl_cli.core.secrets import secret_reference_in

# A key or group of the configuration that a search space may vary, such as `model.name`
# or `+seed`. Keys of Hydra's own section do not match.
SWEPT_KEY = re.compile(r"[+~]{0,2}(?!hydra\b)[A-Za-z][\w./@-]*")


def check_plain(key: str, value: object) -> None:
    """Refuses a resolved value that is not a number, a text or a list of these.

    A text that shows a secret is refused, and a text that still holds `${`: the file
    has a backslash before the `${`, and Hydra would resolve the text once more after
    this check.
    """
    if isinstance(value, list):
        for item in value:
            check_plain(key, item)
    elif isinstance(value, dict):
        raise ConfigError(
            f"{key} takes a number, a text or a list of numbers or texts, but holds "
            "keys; write one VALUE, or [VALUE, ...]"
        )
    elif "${" in str(value):
        raise ConfigError(
            f"{key}: {shown(value)} holds '${{', which Hydra would resolve again; "
            "write the interpolation without the backslash"
        )
    elif reference := secret_reference_in(value):
        raise ConfigError(
            f"{key} holds the value of {reference}, which the names of jobs and "
            "folders would show; use the secret in a key outside of the section hydra"
        )


def check_search_space(name: str, space: object) -> None:
    """Refuses a search space with a key that a file may not vary, or a wrong value.

    The resolved space is {key of the configuration: values to try}, or None. `name` is
    its key, such as `hydra.sweeper.params`.
    """
    if not isinstance(space, dict | None):
        raise ConfigError(f"{name} takes keys with values, such as {{seed: '1,2'}}")
    for key, values in (space or {}).items():
        if not SWEPT_KEY.fullmatch(str(key)):
            raise ConfigError(
                f"{name}: {shown(key)} is not a key of the configuration; remove it"
            )
        check_plain(f"{name}.{key}", values)
        for value in values if isinstance(values, list) else [values]:
            check_parsing(f"{name}.{key}", f"{key}={value}")


def check_parsing(name: str, setting: str) -> None:
    """Refuses a setting that is nested too deeply for Hydra's parser.

    Hydra would also take days for a list of 100,000 values. The caller's
    `limited_reading` ends such parsing.
    """
    try:
        OverridesParser.create().parse_override(setting)
    except RecursionError:
        raise ConfigError(
            f"{name}: {shown(setting)} is nested too deeply; write fewer brackets"
        ) from None
    except HydraException:
        pass  # the sweeper reports the mistake, or has another grammar
