"""Renders templates: HTML pages that load no other files, and a card in Markdown."""

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from mtl_cli.core.message_text import visible, without_autolinks
from mtl_cli.core.secrets import mask_secrets


def render(template: str, **values: object) -> str:
    """Returns a file in `templates/`, filled with the given values.

    Text in the values is escaped for HTML, and holds no control characters and no
    secrets.
    """
    return environment().get_template(template).render(values)


@cache
def environment() -> Environment:
    """Returns Jinja's environment: the loader and the settings of all templates."""
    jinja = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=visible_value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters["markdown"] = escape_markdown
    jinja.filters["visible"] = visible
    return jinja


def visible_value(value: object) -> object:
    """Replaces secrets and control characters in a text that a template writes.

    For example, U+202E in a name would make browsers show the line from right to left.
    Line breaks stay.
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(map(visible, mask_secrets(value).split("\n")))
    return value


def escape_markdown(text: str) -> Markup:
    """Escapes the characters that begin HTML, links, images, code or cells in Markdown.

    Line breaks become blanks: otherwise the next line could begin a heading or a list.
    """
    escaped = re.sub(r"([\\`\[\]|])", r"\\\1", escape(visible(mask_secrets(text))))
    return Markup(without_autolinks(escaped))
