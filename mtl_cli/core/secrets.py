"""Keeps secrets of the environment out of all that a run writes.

A configuration refers to them as `${oc.env:NAME}`. Where the name says that it is one,
what is written holds that reference in place of the value: the run uses the value, and
its saved configuration runs again wherever the variable is set.
"""

import re
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.resolvers import oc

SECRET = re.compile(
    r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)S?(_|$)", re.IGNORECASE
)
# Shorter ones occur in words and numbers that have nothing to do with them.
SHORTEST = 6

_names: dict[str, str] = {}  # of each secret that the configuration has referred to
T = TypeVar("T")


def watch() -> None:
    """Notes the secrets that configurations refer to from now on."""
    OmegaConf.register_new_resolver("oc.env", env, replace=True)


def noted() -> dict[str, str]:
    """Returns the secrets that have been noted, and their names."""
    return dict(_names)


def note(secrets: dict[str, str]) -> None:
    """Notes secrets that another process has resolved."""
    _names.update(secrets)


def env(name: str, *default: Any) -> str | None:
    """Resolves `${oc.env:NAME}` as OmegaConf does."""
    value = oc.env(name, *default)
    if SECRET.search(name) and value is not None and len(value) >= SHORTEST:
        _names[value] = name
    return value


def masked(value: T) -> T:
    """Returns text, or JSON values, with references in place of secrets."""
    found: Any = value
    if isinstance(value, str):
        for secret in sorted(_names, key=len, reverse=True):
            reference = f"${{oc.env:{_names[secret]}}}"
            for spelt in (secret, repr(secret)[1:-1]):
                found = found.replace(spelt, reference)
    elif isinstance(value, dict):
        found = {masked(k): masked(v) for k, v in value.items()}
    elif isinstance(value, list):
        found = [masked(v) for v in value]
    return found  # type: ignore[no-any-return]
