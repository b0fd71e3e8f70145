"""Rules that choose the kind of task for a label column."""

import re

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import comma_list
from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_summary import shorten
from mtl_cli.init.convertible_text import convertible_remark
from mtl_cli.init.name_hints import last_word, split_words, suggests_amount
from mtl_cli.init.task_proposal import (
    MAX_CLASSES,
    TaskProposal,
    binary_of_values,
    binary_of_zero_and_one,
    multiclass,
    regression,
)
from mtl_cli.init.value_kinds import NUMBER
from mtl_cli.init.yes_no import yes_no_values

MAX_EXAMPLES = 3  # values or rows that a message names
# The limits of `is_count_or_amount`.
MIN_DISTINCT_COUNTS = 4
MAX_SHARE_OF_LARGE = 0.15  # of the labels above the lowest number
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
        fix = convertible_remark(column) or (
            f"a task has at most {MAX_CLASSES} classes: group the texts, or name "
            "another column"
        )
        raise DataError(
            f"{message_start} holds {column.num_distinct:,} different texts; {fix}"
        )
    return multiclass(column)


def check_label(message_start: str, column: ColumnProfile) -> None:
    """Refuses a column that cannot hold labels; errors begin with `message_start`."""
    if column.kind in ("list", "time", "other"):
        values = column.arrow_type if column.kind == "other" else f"{column.kind}s"
        rule = "a label is a number, a word or a boolean"
        raise DataError(f"{message_start} holds {values}; {rule}")
    if column.num_distinct < 2:
        values = [shorten(value) for value in column.values.to_pylist()]
        content = f"nothing but '{values[0]}'" if values else "no value"
        raise DataError(
            f"{message_start} holds {content}; a label needs two different values (if "
            "the empty cells mean 0, write 0 into these cells)"
        )


def binary_task(task: str, column: ColumnProfile) -> TaskProposal | None:
    """Returns a binary task if the column's values allow one, else None."""
    if column.is_binary:
        return binary_of_zero_and_one(column)
    if proposal := yes_no_task(task, column):
        return proposal
    # A value may have the name of the task: Never-married and never_married.
    for value in column.most_frequent(MAX_CLASSES):
        if letters_and_digits(value) == letters_and_digits(task):
            reason = f"of {column.num_distinct} values, the value named as the task"
            return binary_of_values(column, [value], reason)
    if column.num_distinct == 2:
        frequent, rare = column.most_frequent()
        if negates(rare, frequent):
            reason = f"the other value is {shorten(rare)}"
            return binary_of_values(column, [frequent], reason)
        reason = (
            f"the rarer value; if {shorten(frequent)} should count as 1, write it as "
            "`positive`"
        )
        return binary_of_values(column, [rare], reason)
    return None


def negates(value: str, other: str) -> bool:
    """Whether a label is 0, or says the opposite of the other label.

    Example:
        >>> negates("0.0", "100.0"), negates("Not clicked", "Clicked")
        (True, True)
    """
    is_zero = re.fullmatch(r"0(\.0*)?", value) and re.fullmatch(NUMBER, other)
    opposite = f"(no|non|not|un|in|dis){re.escape(letters_and_digits(other))}"
    return bool(is_zero or re.fullmatch(opposite, letters_and_digits(value)))


def letters_and_digits(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def yes_no_task(task: str, column: ColumnProfile) -> TaskProposal | None:
    """Returns a binary task if the column's values say yes or no, else None."""
    values = yes_no_values(column)
    if values is None:
        return None
    yes, no, unexpected = values
    if not unexpected:
        others = "other values are" if len(no) > 1 else "other value is"
        reason = f"the {others} {', '.join(map(shorten, no))}"
        return binary_of_values(column, yes, reason)
    # 0, 1 and a few larger numbers may be counts: then the task is a regression.
    if is_count_or_amount(task, column):
        return None
    rows = np.flatnonzero(column.has_value(unexpected)) + 1
    texts = comma_list([f"'{shorten(value)}'" for value in unexpected], MAX_EXAMPLES)
    plural = "s" if len(rows) > 1 else ""
    warning = (
        f"WARNING: these cells count as 0: {texts} in row{plural} "
        f"{comma_list(map(str, rows), MAX_EXAMPLES)}; "
        "correct or empty such cells, or add a value to `positive` if the value counts "
        "as 1; if the labels are counts, write regression (without positive)"
    )
    return binary_of_values(column, yes, warning)


def is_count_or_amount(task: str, column: ColumnProfile) -> bool:
    """Whether a column holds whole numbers that are counts or amounts, not classes.

    The name of the task or of the column decides first. `age_group` suggests classes;
    `clicks` suggests counts. Otherwise the frequencies decide: counts begin with 0 or
    1, and few are in the upper half of their range. Labels that equal the lowest number
    are left out of this share: a usual class 0 would be frequent too.
    """
    if not column.all_whole or column.numbers is None:
        return False
    names = (task, column.name)
    if any(last_word(name) in CLASS_WORDS for name in names):
        return False
    if any(map(suggests_amount, names)):
        return True
    lowest, highest = column.numbers.min(), column.numbers.max()
    if lowest not in (0, 1) or column.num_distinct < MIN_DISTINCT_COUNTS:
        return False
    num_above_lowest = column.counts[column.numbers > lowest].sum()
    num_large = column.counts[column.numbers > (lowest + highest) / 2].sum()
    return bool(num_large <= MAX_SHARE_OF_LARGE * num_above_lowest)
