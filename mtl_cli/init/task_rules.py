"""Rules that choose the kind of task for a label column."""

import re
from dataclasses import replace

import numpy as np

from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.column_summary import shorten
from mtl_cli.init.label_checks import check_label, too_many_texts_error
from mtl_cli.init.name_hints import last_word, split_words, suggests_amount
from mtl_cli.init.task_proposal import (
    MAX_CLASSES,
    TaskProposal,
    binary_of_values,
    binary_of_zero_and_one,
    multiclass,
    regression,
)
from mtl_cli.init.yes_no import yes_no_values

MAX_EXAMPLES = 3  # values or rows that a message names
# The limits of `falls_from_zero` separate counts from codes, and from grades such as 1
# to 5.
MIN_DISTINCT_COUNTS = 4
# The frequency of the largest number, divided by the frequency of the smallest number
# above 0. If 0 is just the usual class, as for kinds of faults, the share is larger.
MAX_SHARE_OF_LARGEST = 0.25
# The limits of `has_long_tail`, as shares of the labels above the lowest number.
MIN_DISTINCT_IN_TAIL = 8  # a tail of fewer values may be rare grades
MAX_SHARE_ABOVE_QUARTER = 1 / 3  # above a quarter of the range
MAX_SHARE_ABOVE_HALF = 0.1  # above the middle of the range
# The last words of names that suggest classes, such as `age_group` and `price_level`.
CLASS_WORDS = split_words(
    "group band bin bucket bracket level tier grade class category kind type"
)


def propose_task(task: str, argument: str, column: ColumnProfile) -> TaskProposal:
    """Returns the proposal for the label column that an argument names.

    Raises:
        DataError: if the column cannot hold labels.
    """
    message_start = f"{argument}: column '{column.name}'"
    check_label(message_start, column)
    if proposal := binary_task(task, column):
        return proposal
    too_many_classes = column.num_distinct > MAX_CLASSES
    if column.numbers is not None and (
        too_many_classes or not column.all_whole or is_count_or_amount(task, column)
    ):
        return regression(message_start, column)
    if too_many_classes:
        raise too_many_texts_error(message_start, column)
    return multiclass(column)


def binary_task(task: str, column: ColumnProfile) -> TaskProposal | None:
    """Returns a binary task if the column's values allow one, else None."""
    if column.is_binary:
        return binary_of_zero_and_one(column)
    return (
        yes_no_task(task, column)
        or two_values_task(column)
        or named_value_task(task, column)
    )


def yes_no_task(task: str, column: ColumnProfile) -> TaskProposal | None:
    """Returns a binary task if the column's values say yes or no, else None."""
    values = yes_no_values(column)
    if values is None:
        return None
    if not values.unexpected:
        others = "other values are" if len(values.no) > 1 else "other value is"
        reason = f"the {others} {', '.join(map(shorten, values.no))}"
        return binary_of_values(column, values.yes, reason)
    # 0, 1 and a few larger numbers may be counts: then the task is a regression.
    if is_count_or_amount(task, column):
        return None
    cells = describe_cells(column, values.unexpected)
    warning = (
        f"WARNING: these cells count as 0: {cells}; correct or empty such cells, or "
        "add a value to `positive` if the value counts as 1"
    )
    if column.all_whole and column.numbers is not None and column.numbers.min() == 0:
        warning += "; if the labels are counts, write regression (without positive)"
    proposal = binary_of_values(column, values.yes, warning)
    return replace(proposal, reason=warning)


def two_values_task(column: ColumnProfile) -> TaskProposal | None:
    """Returns a binary task if the column has two values, else None."""
    if column.num_distinct != 2:
        return None
    frequent, rare = column.most_frequent()
    reason = (
        f"the rarer value; if {shorten(frequent)} should count as 1, write it as "
        "`positive`"
    )
    return binary_of_values(column, [rare], reason)


def named_value_task(task: str, column: ColumnProfile) -> TaskProposal | None:
    """Returns a binary task if a value has the name of the task, else None."""
    value = value_named_like(task, column)
    if value is None:
        return None
    reason = f"of {column.num_distinct} values, the value named as the task"
    return binary_of_values(column, [value], reason)


def describe_cells(column: ColumnProfile, values: list[str]) -> str:
    """Describes the cells that hold some values, with examples of values and rows.

    For example "'2', 'x' in rows 3, 17, 21 and 9 more". The first row is row 1.
    """
    all_values = column.values.to_pylist()
    indices = [all_values.index(value) for value in values]
    rows = np.flatnonzero(np.isin(column.codes, indices)) + 1
    texts = ", ".join(f"'{shorten(value)}'" for value in values[:MAX_EXAMPLES])
    more_values = " and others" if len(values) > MAX_EXAMPLES else ""
    row_numbers = ", ".join(f"{row:,}" for row in rows[:MAX_EXAMPLES])
    num_more = len(rows) - MAX_EXAMPLES
    more_rows = f" and {num_more:,} more" if num_more > 0 else ""
    plural = "s" if len(rows) > 1 else ""
    return f"{texts}{more_values} in row{plural} {row_numbers}{more_rows}"


def value_named_like(task: str, column: ColumnProfile) -> str | None:
    """Returns the value of a text column that equals the task's name, or None.

    Capitals, spaces and punctuation are ignored: the value Never-married equals the
    name never_married.
    """

    def letters_and_digits(text: str) -> str:
        return re.sub(r"[\W_]", "", text).lower()

    if column.kind != "text":
        return None
    for value in column.most_frequent(MAX_CLASSES):
        if letters_and_digits(value) == letters_and_digits(task):
            return value
    return None


def is_count_or_amount(task: str, column: ColumnProfile) -> bool:
    """Whether a column holds whole numbers that are counts or amounts, not classes.

    The name of the task or of the column decides first. `age_group` suggests classes;
    `clicks` suggests counts. Otherwise the frequencies of the numbers decide.
    """
    if not column.all_whole or column.numbers is None:
        return False
    names = (task, column.name)
    if any(last_word(name) in CLASS_WORDS for name in names):
        return False
    if any(map(suggests_amount, names)):
        return True
    order = np.argsort(column.numbers)
    numbers, counts = column.numbers[order], column.counts[order]
    return falls_from_zero(numbers, counts) or has_long_tail(numbers, counts)


def falls_from_zero(numbers: Array, counts: Array) -> bool:
    """Whether the numbers begin with 0, and larger numbers occur less and less often.

    A number may occur more often than the number before if the difference can be
    chance. The numbers are whole and ascending; `counts` says how often each occurs.
    """
    if numbers[0] != 0 or len(numbers) < MIN_DISTINCT_COUNTS:
        return False
    # If the number just below a number does not occur, it counts as occurring 0 times.
    count_before = np.where(np.diff(numbers) > 1, 0, counts[:-1])
    count = counts[1:]
    # Twice the standard deviation of the difference of two Poisson counts.
    max_rise = 2 * np.sqrt(count_before + count)
    is_largest_rare = counts[-1] <= MAX_SHARE_OF_LARGEST * counts[1]
    return bool(is_largest_rare and (count - count_before <= max_rise).all())


def has_long_tail(numbers: Array, counts: Array) -> bool:
    """Whether the numbers begin with 0 or 1, and most labels above that are small.

    Unlike `falls_from_zero`, accepts gaps between large counts, and round counts that
    are frequent. Labels that equal the lowest number are not used: a usual class 0
    would be frequent too. See `falls_from_zero` for the arguments.
    """
    lowest, highest = numbers[0], numbers[-1]
    if lowest not in (0, 1) or len(numbers) < MIN_DISTINCT_IN_TAIL:
        return False
    position = (numbers[1:] - lowest) / (highest - lowest)  # from 0 to 1
    total = counts[1:].sum()
    above_quarter = counts[1:][position > 0.25].sum() / total
    above_half = counts[1:][position > 0.5].sum() / total
    return bool(
        above_quarter <= MAX_SHARE_ABOVE_QUARTER and above_half <= MAX_SHARE_ABOVE_HALF
    )
