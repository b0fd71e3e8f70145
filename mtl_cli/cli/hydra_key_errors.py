"""Explains wrong settings of Hydra's own section, such as `hydra.sweeper.n_trial=5`.

`setting_errors` says how the comments quote the texts of Hydra and OmegaConf.
"""

import re
from difflib import get_close_matches

from omegaconf.errors import ConfigAttributeError, ConfigKeyError

SWEEPER_PARAMS = "hydra.sweeper.params"
# hydra.run.dir=null
#   Error merging override hydra.run.dir=null
#   field 'hydra.run.dir' is not Optional
NOT_OPTIONAL = "is not Optional"
# -m hydra.sweep.dir=a,b
#   Sweeping over Hydra's configuration is not supported : 'hydra.sweep.dir=a,b'
SWEPT_HYDRA_KEY = re.compile(
    "Sweeping over Hydra's configuration is not supported"
    " : '(?P<key>[^=]+)=(?P<value>.*)'"
)


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
    if NOT_OPTIONAL in text:  # another mistake, see `null_message`
        return False
    # hydra.sweeper.params=[a]
    #   Error merging override hydra.sweeper.params=[a]
    #   Cannot merge DictConfig with ListConfig
    #       full_key: hydra.sweeper.params
    # hydra.sweeper.params.seed=1: the section is null by default, so it is not named
    #   Unexpected type for root: NoneType
    return SWEEPER_PARAMS in text or "Unexpected type for root: NoneType" in text


def hydra_key_message(key: str, error: BaseException, reason: str) -> str:
    """Explains that Hydra's own section lacks a key, or that a value is wrong.

    Args:
        key: the dotted key.
        error: the error of OmegaConf; or of Hydra, if a file has set the key.
        reason: the text of OmegaConf's error.
    """
    if not isinstance(error, ConfigAttributeError | ConfigKeyError):
        return f"{key}: {reason}; correct this setting"
    section, _, name = key.rpartition(".")
    siblings = [str(k) for k in error.parent_node or () if k != "_target_"]
    if similar_names := get_close_matches(name, siblings, n=1, cutoff=0.7):
        return f"unknown key '{key}'; did you mean {section}.{similar_names[0]}?"
    if not siblings:
        return f"unknown key '{key}'; leave this key out"
    return f"unknown key '{key}'; known keys of {section}: {', '.join(siblings)}"


def swept_hydra_key_message(key: str, value: str) -> str:
    """Explains that a sweep cannot vary a key of Hydra's own section."""
    return (
        f"{key}: a sweep cannot vary the keys of Hydra; if {value} is one value, "
        f"quote this value: '{key}=\"{value}\"'"
    )


def null_message(key: str) -> str:
    """Explains that the value of a key cannot be null."""
    advice = "the value cannot be null; leave the setting out, or give a value"
    if key.startswith(SWEEPER_PARAMS):
        advice = "Hydra reads swept values as text; write null in quotes: 'null'"
    return f"{key}: {advice}"
