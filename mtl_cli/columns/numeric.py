"""Reads numeric columns, checks their numbers, and fills empty cells."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_number, is_text
from mtl_cli.columns.cells import Mask, empty_as_null, first_unconvertible_cell
from mtl_cli.core.errors import DataError, RowError
from mtl_cli.core.learnt_values import check_number
from mtl_cli.core.message_text import shown

Floats = npt.NDArray[np.float64]

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


class CellError(RowError):
    """A wrong cell of a column.

    The parts of the message are also attributes, so that a caller can raise a
    `CellError` with the same fault and another fix.

    Args:
        message_start: see `RowError`.
        row: see `RowError`.
        fault: what is wrong with the cell, such as "holds inf, not a finite number".
        fix: what the user can do about the cell.
        count_text: the number of wrong cells, such as "3 such rows"; "" if unknown.
    """

    def __init__(
        self, message_start: str, row: int, fault: str, fix: str, count_text: str = ""
    ) -> None:
        count = f" ({count_text})" if count_text else ""
        super().__init__(message_start, row, f"{fault}{count}; {fix}")
        self.fault, self.fix = fault, fix


def read_numbers(
    name: str, column: pa.ChunkedArray, missing: str | float = "error"
) -> Floats:
    """Reads the column of a numeric feature as floats.

    Returns: (rows,), NaN where a cell is empty.

    Raises:
        DataError: if the column's type holds neither numbers nor text.
        CellError: if a cell holds a word or infinity, or is empty while `missing` is
            `error`.
    """
    message_start = f"feature {name}"
    fix_for_text = (
        f"correct the cell, or, as the column holds {column.type}, set the feature's "
        "kind to sparse"
    )
    x = as_numbers(message_start, column, fix_for_text)
    is_wrong = ~np.isfinite(x) if missing == "error" else np.isinf(x)
    if wrong := first_wrong(is_wrong):
        row, count_text = wrong
        fix = "fill the cells or remove the rows"
        if np.isinf(x[row]):  # `missing:` does not change infinity
            fault = f"holds {x[row]}, not a finite number"
        else:
            value = column[row].as_py()
            is_empty = value is None or (isinstance(value, str) and not value.strip())
            fault = f"{'is empty' if is_empty else 'holds nan'}, not a number"
            # The message is also shown at prediction, when the model is trained.
            fix += ", or train with `missing:`, which says how to read empty cells"
        raise CellError(message_start, row, fault, fix, count_text)
    return x


def as_numbers(
    message_start: str,
    column: pa.ChunkedArray | pa.Array,
    fix: str = "correct the cell",
) -> Floats:
    """Converts numbers, booleans or text such as "1.5" to floats.

    Args:
        message_start: the feature or setting that reads the column, for messages.
        fix: what the user can do about a cell that holds a word, for the message.

    Returns: (rows,), NaN where a cell is empty.

    Raises:
        DataError: if the column has another type.
        CellError: if a text is not a number.
    """
    if is_text(column.type):
        # Arrow's reader of CSV files ignores spaces around numbers too.
        column = empty_as_null(pc.ascii_trim(column, " \t"))
        to_float64 = partial(pc.cast, target_type=pa.float64())
        try:
            column = to_float64(column)
        except pa.ArrowInvalid:
            row = first_unconvertible_cell(column, to_float64)
            if row is None:
                raise
            text = column[row].as_py()
            fault = f"holds {shown(text)}, not a number"
            if number_fix := plain_number_fix(text):
                fix = f"{number_fix}, or {fix}"
            raise CellError(message_start, row, fault, fix) from None
    elif not (is_number(column.type) or pa.types.is_null(column.type)):
        raise DataError(
            f"{message_start}: needs numbers, but the column holds {column.type}; "
            "convert the column to numbers"
        )
    x = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan"))
    return np.asarray(x, "float64")


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


def thousands_example(numbers: Floats) -> str:
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


def numbers_up_to(
    highest: float, key: str, column: str, table: pa.Table, rule: str
) -> Floats:
    """Reads a column of numbers from 0 to `highest`, (rows,).

    The rule says in words, for the message, what the numbers must be.
    """
    message_start = f"{key}: column '{column}'"
    numbers = as_numbers(message_start, table[column])
    is_wrong = ~((numbers >= 0) & (numbers <= highest))  # also true for NaN
    check_numbers(message_start, numbers, is_wrong, rule, "correct the cell")
    return numbers


def first_wrong(is_wrong: Mask) -> tuple[int, str] | None:
    """Finds the first wrong row, and counts all wrong rows for a message.

    Args:
        is_wrong: whether each row is wrong, (rows,).

    Returns: the index of the first wrong row, and a text such as "3 such rows"; None if
        no row is wrong.
    """
    count = int(np.count_nonzero(is_wrong))
    if not count:
        return None
    return int(np.argmax(is_wrong)), f"{count} such row{'' if count == 1 else 's'}"


def check_numbers(
    message_start: str, x: Floats, is_wrong: Mask, rule: str, fix: str
) -> None:
    """Raises an error that names the first wrong number, if there is one.

    Args:
        message_start: the feature, task or setting and its column, for the message.
        x: numbers, (rows,).
        is_wrong: whether each number breaks the rule, (rows,).
        rule: what a number must be, for the message.
        fix: what the user can do, for the message.

    Raises:
        CellError: if a number is wrong.
    """
    if wrong := first_wrong(is_wrong):
        row, count_text = wrong
        fault = f"holds {x[row]:g}, not {rule}"
        raise CellError(message_start, row, fault, fix, count_text)


def refuse_above_float32(
    name: str, x: Floats, fix: str = "set the feature's kind to bucketized"
) -> None:
    """Raises a `CellError` if a number of a feature is too large for float32.

    `fix` says for the message how the feature can be declared to take such numbers.
    """
    if wrong := first_wrong(np.abs(x) > np.finfo("float32").max):
        row, count_text = wrong
        fault = f"is too large for the network: {x[row]:g}"
        fix = f"correct the cell, or {fix}"
        raise CellError(f"feature {name}", row, fault, fix, count_text)


def learn_fill_value(x: Floats, missing: str | float) -> dict[str, float]:
    """Returns {"missing": the number that replaces an empty cell}; {} for `error`.

    x are the numbers of the training rows, without NaN.
    """
    if missing == "error":
        return {}
    if missing == "mean":
        return {"missing": float(x.mean())}
    if missing == "median":
        return {"missing": float(np.median(x))}
    return {"missing": float(missing)}


def check_fill_value(learnt: Mapping[str, Any], missing: str | float) -> None:
    """Raises a `ValueError` if the value that fills empty cells is not a number."""
    if missing != "error":
        check_number(learnt, "missing")


def fill_empty(x: Floats, learnt: Mapping[str, float]) -> Floats:
    """Replaces NaN by `learnt["missing"]`; without this value, nothing changes."""
    if "missing" not in learnt:
        return x
    return np.where(np.isnan(x), learnt["missing"], x)


def filled_text(text: str, learnt: Mapping[str, float]) -> str:
    """Adds the effect of `fill_empty` to a text about x, the number in a cell."""
    return f"{text}; x = missing if the cell is empty" if "missing" in learnt else text
