"""Reads the texts of attributes in docstrings."""

import inspect
import re


def attribute_texts(option: type) -> dict[str, str]:
    """Returns {attribute: its text in the docstrings of a class and its bases}."""
    texts: dict[str, str] = {}
    for cls in reversed(option.__mro__):
        doc = inspect.cleandoc(cls.__doc__ or "")
        section = re.search(r"^Attributes:\n((?:(?: +.*)?\n?)*)", doc, re.MULTILINE)
        entries = re.split(r"^    (?=\w+:)", section[1] if section else "", flags=re.M)
        for entry in entries[1:]:
            name, _, text = entry.split("\n\n")[0].partition(":")
            texts[name] = " ".join(text.split())
    return texts
