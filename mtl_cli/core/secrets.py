"""Keeps secrets out of everything that a run writes, prints or names.

A configuration refers to an environment variable as `${oc.env:NAME}`. If the name says
that the variable is a secret, a run uses its value but writes the reference instead.
The saved configuration therefore runs again wherever the variable is set.

A URL that was typed with a password has no reference: its user part is written `***`.
"""

import contextlib
import json
import re
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.resolvers import oc

SECRET_NAME = re.compile(
    r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)S?(_|$)", re.IGNORECASE
)
# A shorter value occurs by chance in words and numbers.
SHORTEST_SECRET = 6
# The user and the password of a URL, and parameters whose name says they are secrets.
URL_USER = re.compile(r"(?<=://)[^/\s?#]+(?=@)")
URL_PARAMETER = re.compile(
    r"(?<=[?&])([\w.-]*(?:key|token|secret|passw|credential|signature)[\w.-]*|sig)"
    r"=[^&\s#]+",
    re.IGNORECASE,
)
HIDDEN = "***"

_references: dict[str, str] = {}  # {secret: the text that is written in its place}
_numbers: dict[float, str] = {}  # the same for secrets that are numbers
T = TypeVar("T")


def track_secrets() -> None:
    """Remembers the secrets that configurations refer to from now on."""
    for name, resolver in (
        ("oc.env", resolve_variable),
        ("oc.decode", resolve_decode),
        ("oc.create", resolve_create),
        ("now", resolve_now),
    ):
        # The time is the same wherever a configuration asks for it.
        is_cached = name == "now"
        OmegaConf.register_new_resolver(
            name, resolver, replace=True, use_cache=is_cached
        )


def tracked_secrets() -> dict[str, str]:
    """Returns the remembered secrets: {value: the reference written instead}."""
    return dict(_references)


def add_secrets(references: dict[str, str]) -> None:
    """Remembers secrets that another process has resolved."""
    for secret, reference in references.items():
        remember(secret, reference)


def resolve_variable(name: str, *default: Any) -> str | None:
    """Resolves `${oc.env:NAME}` as OmegaConf does, and remembers a secret."""
    value = oc.env(name, *default)
    if SECRET_NAME.search(name) and value is not None:
        remember(value, f"${{oc.env:{name}}}")
    return value


def resolve_decode(expression: str | None, _parent_: Any, _node_: Any) -> Any:
    """Resolves `${oc.decode:TEXT}` as OmegaConf does; a decoded secret stays secret."""
    value = oc.decode(expression, _parent_=_parent_, _node_=_node_)
    return derived(value, f"${{oc.decode:{secret_in(expression)}}}", expression)


def resolve_create(obj: Any, _parent_: Any) -> Any:
    """Resolves `${oc.create:VALUES}` as OmegaConf does; a secret in it stays secret."""
    value = oc.create(obj, _parent_=_parent_)
    return derived(value, f"${{oc.create:{secret_in(obj)}}}", obj)


def resolve_now(pattern: str) -> str:
    """Resolves `${now:PATTERN}` as Hydra does; a secret in the pattern stays secret."""
    value = datetime.now().strftime(pattern)
    return derived(value, f"${{now:{secret_in(pattern)}}}", pattern)


def derived(value: T, reference: str, source: Any) -> T:
    """Remembers all texts and numbers of a value if its source holds a secret.

    Raises:
        ValueError: if one of them is too short to be distinguished from other text.
    """
    if isinstance(source, str) and secret_in(source):
        for leaf in leaves(value):
            is_text = not isinstance(leaf, bool | None)
            if is_text and len(str(leaf)) < SHORTEST_SECRET:
                raise ValueError(
                    f"{reference} has parts of fewer than {SHORTEST_SECRET} "
                    "characters, which cannot be kept secret"
                )
            remember(leaf, reference)
    return value


def leaves(value: Any) -> list[Any]:
    """Returns the texts and numbers in nested values."""
    if isinstance(value, DictConfig | ListConfig):
        value = OmegaConf.to_container(value)
    if isinstance(value, dict):
        return [leaf for pair in value.items() for x in pair for leaf in leaves(x)]
    if isinstance(value, list):
        return [leaf for x in value for leaf in leaves(x)]
    return [value]


def remember(value: Any, reference: str) -> None:
    """Remembers a secret if it is long enough to be distinguished from other text."""
    if len(str(value)) >= SHORTEST_SECRET and not isinstance(value, bool):
        _references.setdefault(str(value), reference)
        with contextlib.suppress(ValueError):
            _numbers.setdefault(float(value), reference)


def secret_in(value: Any) -> str | None:
    """Returns the reference of a secret that a text or number holds, or None."""
    text = str(value)
    return next((r for secret, r in _references.items() if secret in text), None)


def mask_secrets(value: T) -> T:
    """Returns a text, a number or JSON values, with references in place of secrets."""
    masked: Any = value
    if isinstance(value, str):
        for secret in sorted(_references, key=len, reverse=True):
            for spelling in spellings(secret):
                masked = replaced(masked, spelling, _references[secret])
        if "://" in masked:
            masked = URL_USER.sub(HIDDEN, masked)
            masked = URL_PARAMETER.sub(rf"\1={HIDDEN}", masked)
    elif isinstance(value, dict):
        masked = {mask_secrets(k): mask_secrets(v) for k, v in value.items()}
    elif isinstance(value, list | tuple):
        masked = type(value)(mask_secrets(v) for v in value)
    elif isinstance(value, int | float) and value in _numbers:
        masked = f"${{oc.decode:{_numbers[value]}}}"
    return masked  # type: ignore[no-any-return]


def replaced(text: str, spelling: str, reference: str) -> str:
    """Returns a text with a reference in place of a secret.

    YAML breaks long lines at blanks, so a blank may stand as a line break and blanks.
    """
    if " " not in spelling or "\n" not in text:
        return text.replace(spelling, reference)
    pattern = r"\\?\s+\\?\s?".join(map(re.escape, spelling.split(" ")))
    return re.sub(pattern, lambda _: reference, text)


def spellings(secret: str) -> list[str]:
    """Returns a secret as Python, JSON, YAML and URLs write it, the longest first."""
    ways = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, "")}
    ways |= {secret.replace("'", "''"), secret.lower()}  # a host is in lower case
    ways |= {line for line in secret.splitlines() if len(line) >= SHORTEST_SECRET}
    return sorted(ways, key=len, reverse=True)
