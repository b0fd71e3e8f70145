"""A rule for text that a user can convert to numbers, times, lists or columns."""

from typing import NamedTuple

import pyarrow as pa

from mtl_cli.init.column_profile import (
    MAX_CATEGORIES,
    MAX_TEXTS_AMONG_NUMBERS,
    ColumnProfile,
)
from mtl_cli.init.column_proposal import ColumnProposal, leave_out, numeric_keys
from mtl_cli.init.column_summary import shorten
from mtl_cli.init.name_hints import suggests_id
from mtl_cli.init.value_kinds import matches


class ConvertibleText(NamedTuple):
    """A kind of text that a user should convert before a feature can read it.

    Attributes:
        pattern: the regular expression that cells of this kind match.
        examples: cells of this kind.
        remark: what the cells are, and what to do, for the user.
    """

    pattern: str
    examples: tuple[str, ...]
    remark: str


MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
UNIT = "[€$£¥₹%]"
SPACE = r"[ \x{a0}\x{202f}]"  # a space, a no-break space, a narrow one
DIGITS = r"[0-9]+([.,'\x{2019} \x{a0}\x{202f}][0-9]{3})*([.,][0-9]+)?"
DATES = "the cells are dates: write all dates in the form 2024-12-31"
# The comma of these numbers is a decimal comma or separates thousands.
THOUSANDS = ConvertibleText(
    r"^-?[0-9]{1,3}(,[0-9]{3}){1,3}$",
    ("6,405", "1,234,567"),
    "the cells are numbers with commas: write 6405 or 6.405 for 6,405",
)
# The first kind that describes a column decides.
CONVERTIBLE_TEXT = (
    THOUSANDS,
    ConvertibleText(
        r"^-?[0-9]+(\.[0-9]{3})*,[0-9]+$",
        ("1234,5", "1.234,5"),
        "the cells are numbers with a decimal comma: write a point, as in 1234.5",
    ),
    ConvertibleText(
        r"^-?[0-9]+\.[0-9]+[,;] ?-?[0-9]+\.[0-9]+$",
        ("48.85, 2.35",),
        "the cells are pairs of numbers: make a column of each number",
    ),
    # The second line is for numbers that must have separators.
    ConvertibleText(
        rf"^[-+]?({UNIT}{SPACE}?[-+]?{DIGITS}|{DIGITS}{SPACE}?{UNIT})$"
        r"|^-?[0-9]{1,3}((,[0-9]{3})+\.[0-9]+|(\.[0-9]{3}){2,}|(['\x{2019}\x{a0}\x{202f}][0-9]{3})+)$",
        ("5 €", "30%", "1,234.5", "1.234.567", "1'234"),
        "the cells are numbers with a unit or with separators of thousands: write "
        "plain numbers, as in 1234.5",
    ),
    ConvertibleText(
        r"^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4})"
        r"([ T].*)?$",
        ("2026-01-19", "19.1.2026", "01/19/26 10:30"),
        DATES,
    ),
    ConvertibleText(
        rf"(?i)^({MONTH}[ -][0-9]{{1,2}},?|[0-9]{{1,2}}\.?[ -]{MONTH},?)"
        r"[ -][0-9]{2,4}([ T].*)?$",
        ("Jan 19, 2026", "19 January 2026"),
        DATES,
    ),
    ConvertibleText(
        r"^\[.*\]$",
        ("[3, 7]",),
        "the cells are lists in brackets: write lists in the form a|b|c",
    ),
    ConvertibleText(
        r"^\{.*\}$",
        ('{"city": "Rome"}',),
        "the cells are records: make one column per field",
    ),
)
# Numbers with fewer than three digits before the first comma.
FEWER_DIGITS_FIRST = r"^-?[0-9]{1,2},"
MIN_SHARE_OF_FEWER_DIGITS = 0.1
# A pattern describes a column if more than this share of its distinct texts match.
MIN_MATCHING_SHARE = 0.9
# Patterns are tried only if at least this share of the distinct values are texts other
# than plain numbers.
MIN_SHARE_OF_TEXTS = 0.2


def convertible_text(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out text of a kind in `CONVERTIBLE_TEXT`, and numbers with a few words."""
    if column.kind != "text":
        return None
    texts, num_cells = column.non_numbers()
    num_numbers = column.num_distinct - len(texts)
    if (
        len(texts) <= MAX_TEXTS_AMONG_NUMBERS
        and num_numbers > MAX_CATEGORIES
        and not suggests_id(column.name)
    ):
        quoted = ", ".join(f"'{shorten(text)}'" for text in texts)
        cells = "1 cell" if num_cells == 1 else f"{num_cells:,} cells"
        warning = (
            f"the cells are numbers, except {quoted} in {cells}: clear such cells, or "
            "list the text in csv.null_values if the file is a text file"
        )
        keys = numeric_keys(column, missing=True)
        return ColumnProposal(column, "left out", keys, warning=warning)
    if column.num_distinct < 2 or column.is_text.mean() < MIN_SHARE_OF_TEXTS:
        return None
    values = column.values.filter(column.is_text)
    for kind in CONVERTIBLE_TEXT:
        if matches(values, kind.pattern).mean() <= MIN_MATCHING_SHARE:
            continue
        if kind == THOUSANDS and are_lists_of_three_digits(values):
            continue
        return leave_out(column, kind.remark)
    return None


def are_lists_of_three_digits(values: pa.Array) -> bool:
    """Whether texts such as 100,200 are lists of ids, and not numbers.

    Numbers with separators of thousands, such as 6,405, often begin with fewer digits.
    """
    return bool(matches(values, FEWER_DIGITS_FIRST).mean() < MIN_SHARE_OF_FEWER_DIGITS)
