"""Renders the templates of this folder as self-contained HTML pages."""

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(template: str, **values: object) -> str:
    """Returns a page as HTML.

    Args:
        template: the name of a file in `templates/`.
        values: the variables of the template; their text is escaped.
    """
    return environment().get_template(template).render(values)


@cache
def environment() -> Environment:
    """Returns the loader and the settings of all templates."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["markdown"] = escape_markdown
    return templates


def escape_markdown(text: str) -> str:
    """Returns a text without links, pictures, code and cells of Markdown in it."""
    return re.sub(r"([\\`\[\]|])", r"\\\1", text)
