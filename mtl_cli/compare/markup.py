"""Pieces of HTML that the parts of the page share."""

from collections.abc import Iterable

from mtl_cli.compare.charts import escape


def section(name: str, about: str, inside: str) -> str:
    """Returns a section with a heading and a sentence."""
    sentence = f'<p class="soft">{escape(about)}</p>' if about else ""
    return f"<section><h2>{escape(name)}</h2>{sentence}{inside}</section>"


def cards(inside: Iterable[str], kind: str = "") -> str:
    """Returns parts side by side, or below each other on a phone."""
    each = "".join(f'<figure class="card">{part}</figure>' for part in inside)
    return f'<div class="cards {kind}">{each}</div>'


def head(words: object, kind: str = "", columns: int = 1) -> str:
    """Returns a head of a table."""
    return f'<th class="{kind}" colspan="{columns}">{escape(words)}</th>'


def text(words: object) -> str:
    """Returns a cell of words."""
    return f'<td class="text">{escape(words)}</td>'


def table(rows: Iterable[str]) -> str:
    """Returns a table that scrolls where it is too wide."""
    inside = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="wide"><table>{inside}</table></div>'
