"""Rules that choose the kind of task for a label column."""

import re

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_summary import shorten
from mtl_cli.init.name_hints import last_word, split_words, suggests_amount
from mtl_cli.init.task_proposal import (
    MAX_CLASSES,
    TaskProposal,
    binary_of_values,
    binary_of_yes_and_no,
    binary_of_zero_and_one,
    multiclass,
    regression,
)
from mtl_cli.init.yes_no_labels import yes_no_column

MIN_DISTINCT_COUNTS = 4  # counts take at least the values 0, 1, 2 and 3
# Last words of names of classes, such as `age_group` and `price_level`.
CLASS_WORDS = split_words(
    "group band bin bucket bracket level tier grade class category kind type"
)


def propose_task(task: str, argument: str, column: ColumnProfile) -> TaskProposal:
    """Returns the proposal for a label column.

    Args:
        task: the name of the task.
        argument: the argument of the command line that names the column.
        column: the profile of the label column.

    Raises:
        DataError: if the column cannot hold labels.
    """
    message_start = f"{argument}: column '{column.name}'"
    check_label(message_start, column)
    if column.is_binary:
        return binary_of_zero_and_one(column)
    yes_no = yes_no_column(column)
    # A column of mostly 0 and 1, with some other numbers, may also hold counts.
    if yes_no is not None and not (
        yes_no.unexpected_values and is_count_or_amount(task, column)
    ):
        return binary_of_yes_and_no(column, yes_no)
    if column.num_distinct == 2:
        frequent, rare = column.most_frequent()
        reason = f"the rarer value; the other is {shorten(frequent)}"
        return binary_of_values(column, [rare], reason)
    positive_value = value_named_like(task, column)
    if positive_value is not None:
        reason = f"named as the task, of {column.num_distinct} values"
        return binary_of_values(column, [positive_value], reason)
    too_many = column.num_distinct > MAX_CLASSES
    if column.numbers is not None and (
        too_many or not column.all_whole or is_count_or_amount(task, column)
    ):
        return regression(message_start, column)
    if too_many:
        values, num_cells = column.non_numbers()
        fix = f"up to {MAX_CLASSES} make classes; group them, or name another column"
        if len(values) <= 5:
            fix = f"all but {', '.join(values)} ({num_cells} cells) are numbers: empty "
            fix += "these cells"
        raise DataError(
            f"{message_start} holds {column.num_distinct:,} different texts; {fix}"
        )
    return multiclass(column)


def value_named_like(task: str, column: ColumnProfile) -> str | None:
    """Returns the value of a text column that equals the task's name, or None.

    Capitals, spaces and punctuation are ignored: the task never_married has the value
    Never-married.
    """

    def letters_and_digits(text: str) -> str:
        return re.sub(r"[\W_]", "", text).lower()

    if column.kind != "text":
        return None
    for value in column.most_frequent(MAX_CLASSES):
        if letters_and_digits(value) == letters_and_digits(task):
            return value
    return None


def check_label(message_start: str, column: ColumnProfile) -> None:
    """Refuses a column that cannot hold labels."""
    if column.kind == "empty":
        raise DataError(
            f"{message_start} is empty in all rows; a label needs two values"
        )
    if column.kind in ("list", "time", "other"):
        plurals = {"list": "lists", "time": "times"}
        values = plurals.get(column.kind, str(column.arrow_type))
        rule = "a label is a number, a word or a boolean"
        raise DataError(f"{message_start} holds {values}; {rule}")
    if column.num_distinct == 1:
        value = shorten(column.values[0].as_py())
        hint = "; write 0 into its empty cells" if column.num_missing else ""
        rule = f"a label needs two values{hint}"
        raise DataError(f"{message_start} holds nothing but '{value}'; {rule}")
    for value in column.most_frequent(MAX_CLASSES):
        if "${" in value:  # OmegaConf would read it as a reference to another key
            raise DataError(
                f"{message_start} holds '{value}'; configs cannot hold '${{'"
            )


def is_count_or_amount(task: str, column: ColumnProfile) -> bool:
    """Whether a column holds whole numbers that are counts or amounts, not classes.

    Numbers are taken for counts or amounts if the name of the task or column suggests
    so, as `clicks` does. Numbers are also taken for counts if the distinct numbers are
    0, 1, 2 and so on, at least `MIN_DISTINCT_COUNTS` of them, and each number occurs
    less often than the number before.
    """
    if not column.all_whole or column.numbers is None:
        return False
    if any(last_word(name) in CLASS_WORDS for name in (task, column.name)):
        return False
    if suggests_amount(task) or suggests_amount(column.name):
        return True
    order = np.argsort(column.numbers)
    is_sequence = column.numbers[order].tolist() == list(range(column.num_distinct))
    frequency_falls = bool((np.diff(column.counts[order]) < 0).all())
    has_enough_values = column.num_distinct >= MIN_DISTINCT_COUNTS
    return has_enough_values and is_sequence and frequency_falls
