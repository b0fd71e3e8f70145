"""Reads the texts of attributes in docstrings."""

import inspect
import re


def attribute_texts(cls: type) -> dict[str, str]:
    """Returns {attribute: text} from the docstrings of a class and its base classes.

    If several docstrings describe an attribute, the most derived class counts.
    """
    texts: dict[str, str] = {}
    for ancestor in reversed(cls.__mro__):  # the last of them is `cls`
        doc = inspect.cleandoc(ancestor.__doc__ or "")
        section = re.search(r"^Attributes:\n((?:(?: +.*)?\n?)*)", doc, re.MULTILINE)
        if section is None:
            continue
        # An entry begins with `NAME:`, indented by 4 blanks. Before the first entry is
        # an empty text.
        _, *entries = re.split(r"^    (?=\w+:)", section[1], flags=re.MULTILINE)
        for entry in entries:
            name, _, text = entry.split("\n\n")[0].partition(":")
            texts[name] = " ".join(text.split())
    return texts
