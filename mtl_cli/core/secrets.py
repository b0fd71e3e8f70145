"""Keeps secrets of the environment out of everything that a run writes.

A configuration refers to an environment variable as `${oc.env:NAME}`. If the name says
that the variable is a secret, a run uses its value but writes the reference instead.
The saved configuration therefore runs again wherever the variable is set.
"""

import re
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.resolvers import oc

SECRET_NAME = re.compile(
    r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)S?(_|$)", re.IGNORECASE
)
# A shorter value occurs by chance in words and numbers.
SHORTEST_SECRET = 6

_variables: dict[str, str] = {}  # by value of each secret, the environment variable
T = TypeVar("T")


def track_secrets() -> None:
    """Remembers the secrets that configurations refer to from now on."""
    OmegaConf.register_new_resolver("oc.env", resolve_variable, replace=True)


def tracked_secrets() -> dict[str, str]:
    """Returns the remembered secrets: {value: environment variable}."""
    return dict(_variables)


def add_secrets(variables: dict[str, str]) -> None:
    """Remembers secrets that another process has resolved."""
    _variables.update(variables)


def resolve_variable(name: str, *default: Any) -> str | None:
    """Resolves `${oc.env:NAME}` as OmegaConf does, and remembers a secret."""
    value = oc.env(name, *default)
    if SECRET_NAME.search(name) and value is not None and len(value) >= SHORTEST_SECRET:
        _variables[value] = name
    return value


def mask_secrets(value: T) -> T:
    """Returns a text, or JSON values, with references in place of secrets."""
    masked: Any = value
    if isinstance(value, str):
        for secret in sorted(_variables, key=len, reverse=True):
            reference = f"${{oc.env:{_variables[secret]}}}"
            for spelling in (secret, repr(secret)[1:-1]):
                masked = masked.replace(spelling, reference)
    elif isinstance(value, dict):
        masked = {mask_secrets(k): mask_secrets(v) for k, v in value.items()}
    elif isinstance(value, list):
        masked = [mask_secrets(v) for v in value]
    return masked  # type: ignore[no-any-return]
