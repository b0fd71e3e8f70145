"""A rule for text that a user should convert to numbers, times, lists or columns."""

import pyarrow as pa

from mtl_cli.core.message_text import comma_list, counted
from mtl_cli.init.column_profile import MAX_CATEGORIES, ColumnProfile
from mtl_cli.init.column_summary import shorten
from mtl_cli.init.name_hints import suggests_id
from mtl_cli.init.value_kinds import NUMBER, matches

# Numbers as spreadsheets of different countries show them, such as 1.234,5 or 1'234 or
# 36,62,562 or 12 % or CHF 5 or 22,-.
SIGN = "[-+\u2212]"  # \u2212 is the minus sign of typography
SPACE = "[ \u00a0\u202f]"  # a space, a no-break space, a narrow no-break space
THOUSANDS_MARK = "['\u2019 \u00a0\u202f]"  # other marks are the point and the comma
UNIT = (
    r"([$€£¥₩₪₫₱₴₹₺₽฿%‰]|R\$|US\$|Rs\.?|kr\.?|zł|Kč|Ft|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR"
    "|GBP|HKD|HUF|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON|SEK|SGD|USD|ZAR)"
)
WITHOUT_POINT_OR_COMMA = (
    f"(0|[1-9][0-9]*|[1-9][0-9]{{0,2}}({THOUSANDS_MARK}[0-9]{{3}}){{1,4}})"
)
WITH_POINTS = r"[1-9][0-9]{0,2}(\.[0-9]{3}){1,4}"
WITH_COMMAS = "([1-9][0-9]{0,2}(,[0-9]{3}){1,4}|[1-9][0-9]?(,[0-9]{2})+,[0-9]{3})"
WHOLE = f"({WITHOUT_POINT_OR_COMMA}|{WITH_POINTS}|{WITH_COMMAS})"
# The decimal sign differs from the mark of thousands: 594.976.6890 is a phone number.
DIGITS = (
    f"({WITHOUT_POINT_OR_COMMA}([.,][0-9]+)?|{WITH_POINTS}(,[0-9]+)?"
    rf"|{WITH_COMMAS}(\.[0-9]+)?)"
)
AMOUNT = f"({DIGITS}|{WHOLE}[.,:][-\u2013]{{1,2}})"  # 1.234,5 or 22,-
SUFFIX = f"{SPACE}?({UNIT}|[kKMB])"  # 1.2K and 3.4M are counts on web pages
SPREADSHEET_NUMBER = f"{SIGN}?({UNIT}{SPACE}?)?{SIGN}?{AMOUNT}({SUFFIX})?"
WITH_DECIMAL_COMMA = rf"{SIGN}?[0-9]+((\.|{THOUSANDS_MARK})[0-9]{{3}})*,[0-9]+"
NUMBER_IN_WORDS = (
    rf"^({SPREADSHEET_NUMBER}|{WITH_DECIMAL_COMMA}|\({DIGITS}\)|{DIGITS}-)$"
)
# Lists of codes, such as 101,205,309 or 88,89,903, and phone numbers, such as
# +49 30 1234, also match `NUMBER_IN_WORDS`. If most texts match this pattern, the
# column holds codes or phone numbers: in a column of amounts, many have fewer digits.
CODES_OR_PHONE_NUMBER = (
    r"^([1-9][0-9]{2}((,[0-9]{3}){2,}|( [0-9]{3})+)|[1-9][0-9](,[0-9]{2})+,[0-9]{3}"
    r"|\+([0-9 ]+|[0-9]+(\.[0-9]+){2,}))$"
)
WEEKDAY = "(mon|tue|wed|thu|fri|sat|sun)[a-z]*,?"
# A month of a year. Names such as Market 10 or Decile 05 are no months.
MONTH_BEFORE_YEAR = (
    "(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?"
    r"|oct(ober)?|nov(ember)?|dec(ember)?)\.?[ -]([0-9]{2}){1,2}"
)
# A season such as 2008/09 or 2008-09, that is no month.
SEASON = (
    "^[0-9]{2}("
    + "|".join(f"{year:02}[-/]{(year + 1) % 100:02}" for year in range(100))
    + ")$"
)
MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
# {pattern of a kind of text: what the cells are, and how to convert them}
OTHER_KINDS = {
    r"^-?[0-9]+\.[0-9]+[,;] ?-?[0-9]+\.[0-9]+$": (
        "pairs of numbers: make a column of each number"
    ),
    r"(?i)^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
    r"|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}|[0-9]{1,2} [0-9]{1,2}, [0-9]{4}"
    rf"|{WEEKDAY} .*[0-9]{{1,2}}:[0-9]{{2}}.*"
    rf"|({MONTH}[ -][0-9]{{1,2}},?|[0-9]{{1,2}}\.?[ -]{MONTH},?)[ -][0-9]{{2,4}}"
    rf"|{MONTH_BEFORE_YEAR}|(19|20)[0-9]{{2}}[-/](0[1-9]|1[0-2]))"
    r"([ T].*)?$": (
        "dates: write all dates in the form 2024-12-31 or, with a time, 2024-12-31 "
        "12:00:00"
    ),
    r"^[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?( ?[aApP][mM])?$": (
        "times of day or durations: write numbers, such as seconds; for codes, use "
        "kind sparse"
    ),
    # A text such as {6F9619FF-8B86-D011-B42D-00CF4FC964FF} is an id.
    r"^(\[.*\]|\(.*,.*\)|\{[^:]*,[^:]*\})$": (
        "lists in brackets: write lists in the form a|b|c"
    ),
    r"^\{(.*:.*)?\}$": "records: make one column per field",
}
# A kind describes a column if more than this share of its distinct texts match.
MIN_MATCHING_SHARE = 0.9
# Numbers with three digits after the point, or without a point.
MAYBE_THOUSANDS = r"^-?(0|[1-9][0-9]{0,2}(\.[0-9]{3})?)$"
# A column of numbers may hold at most this number of different texts, such as marks of
# missing values. A column with more texts is a column of text.
MAX_TEXTS_AMONG_NUMBERS = 5
# If at most this share of the cells are numbers as a spreadsheet shows them, and the
# others are plain numbers, these few cells are mistakes.
MAX_ODD_SHARE = 0.05
WRITE_NUMBERS = "write plain numbers, as in -1234.5"


def convertible_remark(column: ColumnProfile) -> str:
    """Returns what texts to convert a column holds, and how; "" for other columns."""
    if column.kind != "text" or column.num_distinct < 2:
        return ""
    if warning := odd_cells_warning(column):
        return warning
    texts = column.values.filter(~matches(column.values, NUMBER))
    if are_numbers_in_words(texts):
        return (
            f"the cells are numbers with a sign, a unit, or commas: {WRITE_NUMBERS}; "
            "for codes, use kind sparse"
        )
    if are_mostly(texts, SEASON):
        return ""
    for pattern, remark in OTHER_KINDS.items():
        if are_mostly(texts, pattern):
            return f"the cells are {remark}"
    return ""


def odd_cells_warning(column: ColumnProfile) -> str:
    """Returns a warning about a few cells that are no plain numbers, or ""."""
    if column.kind != "text":
        return ""
    is_text = ~matches(column.values, NUMBER)
    texts = column.values.filter(is_text)
    num_cells = int(column.counts[is_text].sum())
    num_numbers = column.num_distinct - len(texts)
    if are_numbers_in_words(texts):
        are_few = num_cells <= MAX_ODD_SHARE * column.num_filled
        fix = f"{WRITE_NUMBERS}, and run mtl-init again; for codes, use kind sparse"
    else:
        has_numbers = num_numbers > MAX_CATEGORIES and not suggests_id(column.name)
        are_few = has_numbers and len(texts) <= MAX_TEXTS_AMONG_NUMBERS
        fix = (
            "clear such cells, or list the text in csv.null_values if the file is a "
            "text file"
        )
    if not are_few:
        return ""
    all_texts = texts.to_pylist()
    quoted = [f"'{shorten(text)}'" for text in all_texts]
    first_row = int(column.has_value(all_texts).argmax()) + 1
    return (
        f"the cells are numbers, except {comma_list(quoted, MAX_TEXTS_AMONG_NUMBERS)} "
        f"in {counted(num_cells, 'cell')}, first in row {first_row}: {fix}"
    )


def are_numbers_in_words(texts: pa.Array) -> bool:
    return are_mostly(texts, NUMBER_IN_WORDS) and not are_mostly(
        texts, CODES_OR_PHONE_NUMBER
    )


def are_mostly(texts: pa.Array, pattern: str) -> bool:
    return bool(matches(texts, pattern).mean() > MIN_MATCHING_SHARE)


def thousands_warning(column: ColumnProfile) -> str:
    """Returns a warning if texts such as 1.359 beside 999 may mean 1359 and 999, or "".

    Decimals look different: 0.125, or 1.500 beside 1.25.
    """
    values = column.values
    if not (
        column.stored_as_text
        and matches(values, MAYBE_THOUSANDS).all()
        and matches(values, "^-?[0-9]{3}$").any()
        and matches(values, r"\.").any()
    ):
        return ""
    return (
        "the points may separate thousands, but are read as decimal points; if they "
        "do, write 1359 for 1.359"
    )
