"""Recognizes numbers as people write them, for instance in a spreadsheet.

mtl-cli does not read a text such as 1.234,5 as a number. The functions here recognize
such a text, so that a message can say how to write the number.
"""

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# Regular expressions for numbers as spreadsheets of different countries show them, such
# as 1.234,5 or 1'234 or 36,62,562 or 12 % or CHF 5 or 22,-.
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
SPREADSHEET_NUMBER = f"{SIGN}?({UNIT}{SPACE}?)?{SIGN}?{AMOUNT}({SPACE}?{UNIT})?"
# Texts of this form may be such numbers, but also codes, lists of ids or phone numbers.
CODES_OR_LISTS = r"[-+]?[0-9]+((\.[0-9]+)*|(,[0-9]+)*|( [0-9]+)*)"
NUM_TEXTS_TO_CHECK = 1000

# In a column whose points separate thousands, at least this many distinct numbers have
# a point, and as many have none.
MIN_DISTINCT = 3
# At least this share of its distinct numbers is whole. Of decimals with three digits,
# only 0.001 are whole.
MIN_SHARE_WHOLE = 0.01
# At least this share of its numbers with a point has a third decimal that is not 0.
MIN_SHARE_OF_THREE_DECIMALS = 0.75


def spreadsheet_example(column: pa.ChunkedArray) -> str:
    """Returns an example, such as "1.234,5", if all texts are numbers of a spreadsheet.

    Only the first `NUM_TEXTS_TO_CHECK` rows are checked. Returns "" if some texts are
    words, or if all texts may be codes or lists.
    """
    texts = column.slice(0, NUM_TEXTS_TO_CHECK).to_pylist()
    texts = [text.strip() for text in texts if text and text.strip()]
    if not all(re.fullmatch(SPREADSHEET_NUMBER, text) for text in texts):
        return ""
    unambiguous = (text for text in texts if not re.fullmatch(CODES_OR_LISTS, text))
    return next(unambiguous, "")


def thousands_example(numbers: npt.NDArray[np.float64]) -> str:
    """Returns an example of numbers whose points may separate thousands.

    A German spreadsheet shows 1359 as 1.359, and 999 as 999. If such a column is read
    as decimals, no number reaches 1000, and the numbers with a point are at least 1 and
    have three decimals. Real decimals look different: with three decimals, almost none
    is whole, and some are below 1.

    Returns a text such as "1.359 beside 999"; "" if the numbers are decimals.
    """
    if (np.abs(numbers) >= 1000).any():
        return ""
    distinct = np.unique(np.abs(numbers[~np.isnan(numbers)]))  # ascending
    is_whole = distinct % 1 == 0
    whole, pointed = distinct[is_whole], distinct[~is_whole]
    if (
        min(len(whole), len(pointed)) < MIN_DISTINCT
        or len(whole) < MIN_SHARE_WHOLE * len(distinct)
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
