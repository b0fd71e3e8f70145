"""Renders the templates of this folder as self-contained HTML pages."""

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
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
