"""Renders templates: HTML pages that load no other files, and a card in Markdown."""

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mtl_cli.core.message_text import visible


def render(template: str, **values: object) -> str:
    """Returns a file in `templates/`, filled with the given values.

    Text in the values is escaped for HTML.
    """
    return environment().get_template(template).render(values)


@cache
def environment() -> Environment:
    """Returns Jinja's environment: the loader and the settings of all templates."""
    jinja = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters["markdown"] = escape_markdown
    jinja.filters["visible"] = visible
    return jinja


def escape_markdown(text: str) -> str:
    """Escapes the characters that begin links, images, code or cells in Markdown.

    Line breaks become blanks: otherwise the next line could begin a heading or a list.
    """
    return re.sub(r"([\\`\[\]|])", r"\\\1", visible(text))
