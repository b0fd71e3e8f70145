"""Lines of YAML: a key with its value and a comment.

PyYAML does not write these lines, for two reasons: it breaks a long list only after the
line has exceeded the width, and it leaves texts such as 1e3 without quotes, although
OmegaConf reads them as numbers.
"""

import re
import textwrap
from functools import cache
from typing import Any

import yaml

from mtl_cli.core.message_text import visible

# The column in which the comments beside the keys begin.
COMMENT_COLUMN = 24
MAX_LIST_WIDTH = 87
# Text of characters that need no quotes, even within {} and []. The text begins with a
# letter or _, so OmegaConf does not read the text as a number.
UNQUOTED = re.compile(r"[^\W\d](?:[\w ()/.+-]*[\w)+])?")


def key_line(indented_key: str, value: object, remark: str = "") -> str:
    """Returns the line of a key and its value, with a comment if there is a remark.

    `indented_key` is the key after the spaces that begin the line, such as "  columns".
    """
    line = f"{indented_key}: {on_one_line(value)}"
    if not remark:
        return line
    return f"{line.ljust(COMMENT_COLUMN - 2)}  {comment(remark)}"


def list_lines(indented_key: str, values: list[Any]) -> list[str]:
    """Returns the lines of a key and a list, with as many values per line as fit.

    `indented_key` is as for `key_line`.
    """
    # textwrap breaks lines at spaces. The spaces within values are replaced by NUL, so
    # that lines break only between values.
    items = ", ".join(on_one_line(value).replace(" ", "\0") for value in values)
    indent = " " * (len(indented_key) - len(indented_key.lstrip()) + 2)
    lines = textwrap.wrap(
        f"{indented_key}: [{items}]",
        MAX_LIST_WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


def on_one_line(value: object) -> str:
    """Returns any value as YAML on one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(on_one_line, value))}]"
    if isinstance(value, dict):
        items = [f"{scalar(k)}: {on_one_line(v)}" for k, v in value.items()]
        return f"{{{', '.join(items)}}}"
    return scalar(value)


def scalar(value: object) -> str:
    """Returns a number, boolean, null or text as YAML on one line.

    Text is quoted if PyYAML or OmegaConf might read it as something else.
    """
    if not isinstance(value, str):
        # The dump may have a second line: "...", the end of the YAML document.
        return yaml.safe_dump(value).partition("\n")[0]
    if UNQUOTED.fullmatch(value) and keeps_meaning_unquoted(value):
        return value
    quoted = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=1e9)
    return quoted.rstrip("\n")


@cache
def keeps_meaning_unquoted(value: str) -> bool:
    """Whether PyYAML reads a text without quotes as the same text."""
    return bool(yaml.load(value, yaml.CSafeLoader) == value)


def comment(text: str) -> str:
    """Returns a text as a comment on one line."""
    return f"# {visible(text)}"
