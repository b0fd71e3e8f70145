"""Lines of YAML: a key with its value and a comment.

No YAML library serves here. The libraries keep comments but add none, break a list only
after the line's width, and quote for one version of YAML only.
"""

import re
import textwrap
from functools import cache
from typing import Any

import yaml

from mtl_cli.core.errors import visible

COMMENT_COLUMN = 24  # where the comments beside the data set's own keys begin
MAX_LIST_WIDTH = 87
# Text that needs no quotes, whether it stands alone or within {} or [].
UNQUOTED = re.compile(r"[^\W\d](?:[\w ()/.+-]*[\w)+])?")


def key_line(name: str, value: Any, remark: str = "") -> str:
    """Returns the line of a key and its value, with a comment if there is a remark."""
    line = f"{name}: {on_one_line(value)}"
    return f"{line.ljust(COMMENT_COLUMN - 2)}  {comment(remark)}" if remark else line


def key_lines(name: str, values: list[Any]) -> list[str]:
    """Returns the lines of a key and a list, with as many values per line as fit."""
    # Lines may break between values, not at the spaces within a value.
    items = ", ".join(on_one_line(value).replace(" ", "\0") for value in values)
    indent = " " * (len(name) - len(name.lstrip()) + 2)
    lines = textwrap.wrap(
        f"{name}: [{items}]",
        MAX_LIST_WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


def on_one_line(value: Any) -> str:
    """Returns any value as YAML on one line."""
    if isinstance(value, dict):
        items = [f"{scalar(k)}: {on_one_line(v)}" for k, v in value.items()]
        return f"{{{', '.join(items)}}}"
    return scalar(value)


def scalar(value: Any) -> str:
    """Returns a value other than a mapping as YAML on one line.

    Text is quoted if any YAML reader might read it as something else: OmegaConf reads
    1e3 as a number, PyYAML as text.
    """
    if not isinstance(value, str):
        return yaml.safe_dump(value).partition("\n")[0]
    if UNQUOTED.fullmatch(value) and is_text(value):
        return value
    quoted = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=1e9)
    return quoted.rstrip("\n")


@cache
def is_text(value: str) -> bool:
    """Whether YAML reads an unquoted text as this text."""
    return bool(yaml.load(value, yaml.CSafeLoader) == value)


def comment(text: str) -> str:
    """Returns a text as a comment on one line."""
    return f"# {visible(text)}"
