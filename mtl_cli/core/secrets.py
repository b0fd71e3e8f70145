"""Keeps secrets out of everything that a run writes or prints, and out of file names.

`secret_resolvers` finds the secrets of a configuration, such as `${oc.env:API_KEY}`. A
run writes the reference in place of the secret, so the saved configuration can be run
again. A password that the user typed into a URL has no reference: a run writes `***`.
"""

import contextlib
import json
import re
from typing import Any, TypeVar
from urllib.parse import quote

# Shorter values are not replaced: by chance, they occur in other words and numbers.
SHORTEST_SECRET = 6  # characters
# The user and password of a URL, as in `https://USER:PASSWORD@host/path`.
URL_USER = re.compile(
    r"""
    (?<=://)
    (
        [^/\s?#]+
    |   # A password may also contain `/`, `?` and `#`. But the text before `@` in
        # `https://host:8080/a@b` is no password: digits and then `/` are a port. The
        # limit keeps the time for a text with many `://` and no `@` short.
        [^/:@\s?#]+ : (?!\d+[/?#]) [^@\s"'<>]{0,2000}+
    )
    (?=@)
    """,
    re.VERBOSE,
)
# The parameters of a URL whose names suggest a secret.
URL_PARAMETER = re.compile(
    r"(?<=[?&])(?=[\w.-]*(?:key|token|secret|passw|credential|signature)|sig=)"
    r"([\w.-]++)=[^&\s#]+",
    re.IGNORECASE,
)
HIDDEN = "***"

_references: dict[str, str] = {}  # {secret: reference, the text written in its place}
_number_references: dict[float, str] = {}  # the same for secrets that are numbers
T = TypeVar("T")


def tracked_secrets() -> dict[str, str]:
    """Returns {secret: reference} of all remembered secrets."""
    return dict(_references)


def add_secrets(references: dict[str, str]) -> None:
    for secret, reference in references.items():
        remember(secret, reference)


def remember(value: Any, reference: str) -> None:
    """Remembers a secret, if it is long enough to be distinguished from other text."""
    if len(str(value)) >= SHORTEST_SECRET and not isinstance(value, bool):
        _references.setdefault(str(value), reference)
        # A float rounds whole numbers above 2^53, so the whole number is kept too.
        for number_type in (float, int):
            with contextlib.suppress(ValueError, OverflowError):
                number = number_type(str(value))
                # The text "000012" is long, but the number 12 occurs everywhere.
                if len(f"{number:.17g}") >= SHORTEST_SECRET:
                    _number_references.setdefault(number, reference)


def secret_reference_in(value: object) -> str | None:
    """Returns the reference of the first secret in a text or number, or None."""
    text = str(value)
    return next((ref for secret, ref in _references.items() if secret in text), None)


def mask_secrets(value: T) -> T:
    """Returns a text, a number or nested values with references in place of secrets."""
    masked: Any = value
    if isinstance(value, str):
        # The longest secret first: a shorter secret may be a part of it.
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
    elif isinstance(value, int | float) and value in _number_references:
        masked = f"${{oc.decode:{_number_references[value]}}}"
    return masked  # type: ignore[no-any-return]


def replaced(text: str, spelling: str, reference: str) -> str:
    """Replaces a spelling of a secret in a text by the secret's reference.

    YAML breaks long lines at blanks. Therefore a blank of the secret also matches a
    line break with the blanks and backslashes that YAML puts around it.
    """
    if " " not in spelling or "\n" not in text:
        return text.replace(spelling, reference)
    pattern = r"\\?\s+\\?\s?".join(map(re.escape, spelling.split(" ")))
    return re.sub(pattern, lambda _: reference, text)


def spellings(secret: str) -> list[str]:
    """Returns the forms in which a secret may be written, the longest first."""
    forms = {
        secret,
        repr(secret)[1:-1],  # in Python
        json.dumps(secret)[1:-1],
        quote(secret, ""),  # in a URL
        secret.lower(),  # as the host of a URL
        secret.replace("'", "''"),  # in YAML
    }
    forms |= {line for line in secret.splitlines() if len(line) >= SHORTEST_SECRET}
    return sorted(forms, key=len, reverse=True)
