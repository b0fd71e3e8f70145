"""Recognizes numbers as people write them, for instance in a spreadsheet.

Such numbers are not read as numbers, but messages about them say what to write.
"""

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# Numbers as spreadsheets of different countries show them, such as 1.234,5 or 1'234 or
# 36,62,562 or 12 % or CHF 5 or 22,-.
SIGN = "[-+\u2212]"  # the last is the minus sign of typography
SPACE = "[ \u00a0\u202f]"  # a space, a no-break space, a narrow one
SEPARATOR = "['\u2019 \u00a0\u202f]"  # of thousands, besides the point and the comma
UNIT = (
    r"([$€£¥₩₪₫₱₴₹₺₽฿%‰]|R\$|US\$|Rs\.?|kr\.?|zł|Kč|Ft|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR"
    "|GBP|HKD|HUF|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON|SEK|SGD|USD|ZAR)"
)
WITHOUT_POINT_OR_COMMA = (
    f"(0|[1-9][0-9]*|[1-9][0-9]{{0,2}}({SEPARATOR}[0-9]{{3}}){{1,4}})"
)
WITH_POINTS = r"[1-9][0-9]{0,2}(\.[0-9]{3}){1,4}"
WITH_COMMAS = "([1-9][0-9]{0,2}(,[0-9]{3}){1,4}|[1-9][0-9]?(,[0-9]{2})+,[0-9]{3})"
WHOLE = f"({WITHOUT_POINT_OR_COMMA}|{WITH_POINTS}|{WITH_COMMAS})"
# The decimal sign differs from the separator: 594.976.6890 is a phone number.
DIGITS = (
    f"({WITHOUT_POINT_OR_COMMA}([.,][0-9]+)?|{WITH_POINTS}(,[0-9]+)?"
    rf"|{WITH_COMMAS}(\.[0-9]+)?)"
)
AMOUNT = f"({DIGITS}|{WHOLE}[.,:][-\u2013]{{1,2}})"  # the second part is for 22,-
SPREADSHEET_NUMBER = f"{SIGN}?({UNIT}{SPACE}?)?{SIGN}?{AMOUNT}({SPACE}?{UNIT})?"
# Texts of this form may be such numbers, but also codes, lists of ids or phone numbers.
CODES_OR_LISTS = r"[-+]?[0-9]+((\.[0-9]+)*|(,[0-9]+)*|( [0-9]+)*)"
NUM_TEXTS_TO_CHECK = 1000

# Numbers with these properties may have points that separate thousands.
MIN_DISTINCT = 3  # of the numbers with a point, and of those without
MIN_SHARE_WITHOUT_POINT = 0.01  # of the distinct numbers; 0.001 if they are decimals
MIN_SHARE_OF_THREE_DECIMALS = 0.75  # of the numbers with a point


def plain_number_fix(text: str) -> str:
    """Returns the fix for a cell such as 1.234,5 or 12 %; "" for other texts."""
    if not re.fullmatch(SPREADSHEET_NUMBER, text.strip()):
        return ""
    return "write plain numbers with a decimal point, as in 1234.5"


def spreadsheet_example(column: pa.ChunkedArray) -> str:
    """Returns an example of a column's texts if all are numbers of a spreadsheet.

    The first `NUM_TEXTS_TO_CHECK` rows are checked.

    Returns: a text such as "1.234,5"; "" if some texts are words, or if all texts may
        be codes or lists.
    """
    texts = column.slice(0, NUM_TEXTS_TO_CHECK).to_pylist()
    texts = [text.strip() for text in texts if text and text.strip()]
    if not all(re.fullmatch(SPREADSHEET_NUMBER, text) for text in texts):
        return ""
    clear = (text for text in texts if not re.fullmatch(CODES_OR_LISTS, text))
    return next(clear, "")


def thousands_example(numbers: npt.NDArray[np.float64]) -> str:
    """Returns an example of numbers whose points may separate thousands.

    A German spreadsheet shows 1359 as 1.359, and 999 as 999. Read as decimals, the
    numbers with a point are at least 1 and have three decimals; no number reaches 1000.
    Real decimals of this kind are almost never whole numbers, and seldom all above 1.

    Args:
        numbers: the numbers of a column, NaN where a cell is empty, (rows,).

    Returns: a text such as "1.359 beside 999"; "" if the numbers are decimals.
    """
    if (np.abs(numbers) >= 1000).any():
        return ""
    distinct = np.unique(np.abs(numbers[~np.isnan(numbers)]))
    is_whole = distinct % 1 == 0
    whole, pointed = distinct[is_whole], distinct[~is_whole]
    if (
        min(len(whole), len(pointed)) < MIN_DISTINCT
        or len(whole) < MIN_SHARE_WITHOUT_POINT * len(distinct)
        or whole[-1] < 100
        or pointed[0] < 1
    ):
        return ""
    thousandths = np.rint(pointed * 1000)
    is_exact = np.isclose(pointed * 1000, thousandths, rtol=0, atol=1e-6)
    has_three_decimals = thousandths % 10 != 0
    if not is_exact.all() or has_three_decimals.mean() < MIN_SHARE_OF_THREE_DECIMALS:
        return ""
    return f"{pointed[has_three_decimals][0]:g} beside {whole[-1]:g}"
