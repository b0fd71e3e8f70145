"""Functions that write values, lists and names into the text of a message."""

import re
from collections.abc import Iterable

from mtl_cli.core.secrets import mask_secrets

SHOWN_CHARACTERS = 60  # the longest text of a value in a message
LONGEST_LINE = 1500  # characters
MAX_ITEMS = 8  # the most items of a list in a message
# The longest name to compare with others, in characters. Comparing two names of a
# million characters takes minutes.
LONGEST_COMPARED = 200


def shown(value: object) -> str:
    """Returns the `repr` of a value for a message, in one line.

    Secrets are masked, and long values are cut.
    """
    # Secrets must be masked before the cut. Otherwise half of a secret could remain.
    masked = mask_secrets(value)
    if isinstance(masked, str):
        return repr(cut(masked, SHOWN_CHARACTERS))
    # The `repr` of a table or an array has several lines.
    return cut(visible(repr(masked)), SHOWN_CHARACTERS)


def cut(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[:max_length] + "..."


def comma_list(items: Iterable[str], max_items: int = MAX_ITEMS) -> str:
    """Joins items by commas.

    >>> comma_list(["a", "b", "c"], max_items=2)
    'a, b and 1 more'
    """
    all_items = list(items)
    num_left_out = len(all_items) - max_items
    text = ", ".join(all_items[:max_items])
    return f"{text} and {num_left_out} more" if num_left_out > 0 else text


def line_if_any(text: str, names: list[str]) -> list[str]:
    """Returns a list with the line `TEXT: NAME, NAME`, or [] if there are no names.

    >>> line_if_any("not used", ["age", "city"])
    ['not used: age, city']
    """
    return [f"{text}: {comma_list(names)}"] if names else []


def unknown_name_message(kind: str, name: str, owner: str, names: list[str]) -> str:
    """Returns a message about an unknown name.

    >>> unknown_name_message("task", "bui", "this run", ["click", "buy"])
    "no task 'bui' in this run, which has click, buy; did you mean buy?"
    """
    choices = ", ".join(map(readable_name, names)) or "none"
    return f"no {kind} {name!r} in {owner}, which has {choices}{suggest(name, names)}"


def suggest(wrong: str, names: list[str], cutoff: float = 0.6) -> str:
    """Returns "; did you mean NAME?" for the name most similar to `wrong`, or "".

    >>> suggest("cities", ["user", "city"])
    '; did you mean city?'
    >>> suggest("CITY", ["user", "city"])
    '; did you mean city?'
    """
    from difflib import get_close_matches

    if len(wrong) > LONGEST_COMPARED:
        return ""
    # The dict keeps the first of several names that differ only in case.
    short_names = [name for name in names if len(name) <= LONGEST_COMPARED]
    by_lower = {name.lower(): name for name in reversed(short_names)}
    similar = get_close_matches(wrong.lower(), by_lower, n=1, cutoff=cutoff)
    return f"; did you mean {readable_name(by_lower[similar[0]])}?" if similar else ""


def readable_name(name: str) -> str:
    r"""Returns a name, in quotes if invisible characters or its ends could be misread.

    >>> print(readable_name("größe"), readable_name("Umsatz \x80"))
    größe 'Umsatz \x80'
    >>> print(readable_name("'vote'"))
    "'vote'"
    """
    is_plain = name.isprintable() and name == name.strip().strip("'\"")
    return name if is_plain else repr(name)


def printable(text: str) -> str:
    """Returns a text without line breaks and control characters, cut if it is long."""
    return visible(cut(text, LONGEST_LINE))


def visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " for c in text)


def without_autolinks(markdown: str) -> str:
    r"""Changes a text of Markdown so that GitHub links no address, mention or `#1`.

    A backslash before `:` or `.` prevents a link. GitHub ignores a backslash before `@`
    or `#`, so a character without width is put after them.

    >>> print(without_autolinks("https://x.org www.x.org me@x.org #1"))
    https\://x.org www\.x.org me@&#8203;x.org #&#8203;1
    """
    text = re.sub(r"(:(?=//)|(?<=www)\.)", r"\\\1", markdown, flags=re.IGNORECASE)
    return re.sub(r"(@(?=\S)|(?<![&;])#(?=\d))", r"\1&#8203;", text)


def counted(count: int, noun: str) -> str:
    """Returns a number with its noun.

    >>> counted(1, "run"), counted(3000, "run")
    ('1 run', '3,000 runs')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
