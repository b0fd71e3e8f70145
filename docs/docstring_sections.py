"""Shows the sections of docstrings that mkdocstrings leaves as plain text."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^Example:\n((?:(?: {4}.*)?\n?)+)", re.MULTILINE)
PARAGRAPH = re.compile(
    r"^(Returns|Reference|Input shape|Output shape): (\S.*(?:\n +\S.*)*)", re.MULTILINE
)


class Sections(griffe.Extension):
    """Makes a block of code of each `Example:`, a paragraph of each `Returns: text`."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Changes the docstring of one object."""
        if obj.docstring:
            text = EXAMPLE.sub(as_block, obj.docstring.value)
            obj.docstring.value = PARAGRAPH.sub(as_paragraph, text)


def as_block(section: re.Match[str]) -> str:
    """Returns an example as a fenced block; results of a doctest become comments."""
    lines = [line[4:] for line in section[1].rstrip().splitlines()]
    if any(line.startswith(">>> ") for line in lines):
        code = (">>> ", "... ")
        lines = [x[4:] if x.startswith(code) else f"# {x}" for x in lines]
    return "Example:\n\n```python\n" + "\n".join(lines) + "\n```\n\n"


def as_paragraph(section: re.Match[str]) -> str:
    """Returns a section of text as one paragraph."""
    return f"**{section[1]}:** {' '.join(section[2].split())}\n"
