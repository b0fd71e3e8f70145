"""A rule for text that a user should convert to numbers, times, lists or columns."""

from typing import NamedTuple

from mtl_cli.columns.spreadsheet_numbers import (
    DIGITS,
    SIGN,
    SPREADSHEET_NUMBER,
    THOUSANDS_MARK,
)
from mtl_cli.core.message_text import counted
from mtl_cli.init.column_profile import (
    MAX_CATEGORIES,
    MAX_TEXTS_AMONG_NUMBERS,
    ColumnProfile,
)
from mtl_cli.init.column_proposal import ColumnProposal, leave_out, numeric_keys
from mtl_cli.init.column_summary import shorten
from mtl_cli.init.name_hints import suggests_id
from mtl_cli.init.value_kinds import matches


class TextKind(NamedTuple):
    """A kind of text that a user should convert before a feature can read it.

    Attributes:
        pattern: the regular expression that cells of this kind match.
        remark: tells the user what the cells are, and how to convert them.
    """

    pattern: str
    remark: str


MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
DATES_REMARK = (
    "the cells are dates: write all dates in the form 2024-12-31 or, with a time, "
    "2024-12-31 12:00:00"
)
DATES_OR_VERSIONS_REMARK = (
    "the cells are days and months, or versions: write dates in the form 2024-12-31; "
    "for versions, use kind sparse"
)
# The comma of these numbers is a decimal comma or separates thousands.
THOUSANDS = TextKind(
    r"^-?[1-9][0-9]{0,2}(,[0-9]{3}){1,3}$",
    "the cells are numbers with commas: write 6405 or 6.405 for 6,405",
)
THOUSANDS_WITH_SPACES = TextKind(
    r"^-?[1-9][0-9]{0,2}( [0-9]{3}){1,3}$",
    "the cells are numbers with spaces: write 6405 for 6 405; for codes, use kind "
    "sparse",
)
ANY_NUMBER = TextKind(
    f"^{SPREADSHEET_NUMBER}$",
    "the cells are numbers with a sign, a unit or separators of thousands: write plain "
    "numbers, as in -1234.5",
)
# The order counts: the first kind that describes a column gives the remark.
NUMBER_KINDS = (
    THOUSANDS,
    THOUSANDS_WITH_SPACES,
    TextKind(
        rf"^{SIGN}?[0-9]+((\.|{THOUSANDS_MARK})[0-9]{{3}})*,[0-9]+([eE][-+]?[0-9]+)?$",
        "the cells are numbers with a decimal comma: write a point, as in 1234.5",
    ),
    TextKind(
        rf"^(\({DIGITS}\)|{DIGITS}-)$",
        "the cells are negative numbers in brackets or with a minus at the end: write "
        "-112 for (112) or 112-",
    ),
    ANY_NUMBER,
)
ALL_KINDS = (
    *NUMBER_KINDS,
    TextKind(
        r"^-?[0-9]+\.[0-9]+[,;] ?-?[0-9]+\.[0-9]+$",
        "the cells are pairs of numbers: make a column of each number",
    ),
    TextKind(
        r"^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4})"
        r"([ T].*)?$",
        DATES_REMARK,
    ),
    TextKind(
        rf"(?i)^({MONTH}[ -][0-9]{{1,2}},?|[0-9]{{1,2}}\.?[ -]{MONTH},?)"
        r"[ -][0-9]{2,4}([ T].*)?$",
        DATES_REMARK,
    ),
    TextKind(
        r"^[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?( ?[aApP][mM])?$",
        "the cells are times of day or durations: write numbers, such as seconds, "
        "as in 42601 for 11:50:01; for codes, use kind sparse",
    ),
    TextKind(
        r"^\[.*\]$", "the cells are lists in brackets: write lists in the form a|b|c"
    ),
    TextKind(r"^\{.*\}$", "the cells are records: make one column per field"),
)
# Some kinds of numbers also match lists of codes, such as 101,205 or 88,89,903, and
# phone numbers, such as +49 30 1234. If most texts match this pattern, the column holds
# codes or phone numbers: in a column of amounts, many have fewer digits.
CODES_OR_PHONE_NUMBER = (
    r"^([1-9][0-9]{2}([, ][0-9]{3})+|[1-9][0-9](,[0-9]{2})+,[0-9]{3}"
    r"|\+([0-9 ]+|[0-9]+(\.[0-9]+){2,}))$"
)
# A kind describes a column if more than this share of its distinct texts match.
MIN_MATCHING_SHARE = 0.9
# If texts other than plain numbers are a smaller share of the distinct values, only
# `NUMBER_KINDS` are tried.
MIN_SHARE_OF_TEXTS = 0.2
# Numbers whose points may separate thousands: either without a point or with three
# digits after the point.
THREE_DIGITS_AFTER_POINT = r"^-?(0|[1-9][0-9]{0,2}(\.[0-9]{3})?)$"
DAY_AND_MONTH = r"^([1-9]|[12][0-9]|3[01])\.([1-9]|1[0-2])$"


def convertible_text_column(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out text that the user should convert, and numbers with a few words."""
    if column.kind == "decimal" and are_dates_or_versions(column):
        return leave_out(column, DATES_OR_VERSIONS_REMARK)
    if column.kind != "text" or column.num_distinct < 2:
        return None
    if remark := convertible_remark(column, NUMBER_KINDS):
        return leave_out(column, remark)
    if proposal := numbers_with_few_texts(column):
        return proposal
    if column.non_number_mask.mean() < MIN_SHARE_OF_TEXTS:
        return None
    remark = convertible_remark(column, ALL_KINDS)
    return leave_out(column, remark) if remark else None


def numbers_with_few_texts(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out a column of many numbers and a few texts, such as `unknown`."""
    texts, num_cells = column.non_numbers()
    num_numbers = column.num_distinct - len(texts)
    if len(texts) > MAX_TEXTS_AMONG_NUMBERS or num_numbers <= MAX_CATEGORIES:
        return None
    if suggests_id(column.name):
        return None
    quoted = ", ".join(f"'{shorten(text)}'" for text in texts)
    warning = (
        f"the cells are numbers, except {quoted} in {counted(num_cells, 'cell')}: "
        "clear such cells, or list the text in csv.null_values if the file is a text "
        "file"
    )
    keys = numeric_keys(column, will_have_missing=True)
    return ColumnProposal(column, "left out", keys, warning=warning)


def convertible_remark(
    column: ColumnProfile, kinds: tuple[TextKind, ...] = NUMBER_KINDS
) -> str:
    """Returns the remark of the first kind that describes a column's texts, or ""."""
    texts = column.values.filter(column.non_number_mask)
    if matches(texts, CODES_OR_PHONE_NUMBER).mean() > MIN_MATCHING_SHARE:
        kinds_like_codes = (THOUSANDS, THOUSANDS_WITH_SPACES, ANY_NUMBER)
        kinds = tuple(kind for kind in kinds if kind not in kinds_like_codes)
    for kind in kinds:
        if matches(texts, kind.pattern).mean() > MIN_MATCHING_SHARE:
            return kind.remark
    return ""


def thousands_warning(column: ColumnProfile) -> str:
    """Returns a warning if the points in a column of text may separate thousands.

    In such a column, 1359 is written as 1.359, and 999 as 999. Returns "" for decimals,
    such as 0.125, or 1.500 beside 1.25.
    """
    if not column.stored_as_text or column.numbers is None:
        return ""
    values = column.values
    has_point = matches(values, r"\.")
    has_three_digits = matches(values, "^-?[0-9]{3}$")
    if not (
        has_point.any()
        and has_three_digits.any()
        and matches(values, THREE_DIGITS_AFTER_POINT).all()
    ):
        return ""
    pointed = values.filter(has_point)[0]
    whole = values.filter(has_three_digits)[0]
    return (
        f"the points may separate thousands, as in {pointed} beside {whole}, but are "
        f"read as decimal points; if they do, write {str(pointed).replace('.', '')}"
    )


def are_dates_or_versions(column: ColumnProfile) -> bool:
    """Whether texts that can be read as decimals are days and months, or versions.

    Decimals are not written as 3.7 beside 3.10: a program that keeps the 0 at the end
    would write 3.70.
    """
    values = column.values
    return bool(
        column.stored_as_text
        and matches(values, DAY_AND_MONTH).all()
        and matches(values, r"\.10$").any()
        and matches(values, r"\.[1-9]$").any()
    )
