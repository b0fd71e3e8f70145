"""Rules that choose the kind of task for a label column."""

import re
from collections import Counter, defaultdict
from itertools import chain

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

# Texts that say yes and texts that say no, in lower case, one language a line. The
# letters s and o are left out: S and N are south and north as well as sí and no.
ANSWERS = [
    ("1 true yes y t positive", "-1 0 false no n f negative"),
    ("ja j wahr", "nein n falsch nee nej nei"),  # also Dutch and Scandinavian
    ("oui vrai", "non faux"),
    ("si sí sì verdadero vero", "no falso"),  # Spanish and Italian
    ("sim verdadeiro", "não nao falso"),
    ("tak", "nie"),
    ("ano", "ne"),
    ("igen", "nem"),
    ("evet", "hay\u0131r hayir"),
    ("да", "нет"),
    ("так", "ні"),
    ("是", "否"),
    ("はい", "いいえ"),
    ("예", "아니요 아니오"),
    ("نعم", "لا"),
    ("हाँ", "नहीं"),
]
# {a text that says yes: the texts of its language that say no}
NOES = {yes: set(noes.split()) for words, noes in ANSWERS for yes in words.split()}
# The largest share of cells that say neither yes nor no in a yes/no column.
MAX_UNEXPECTED_SHARE = 0.05
MAX_EXAMPLES = 3  # values or rows that a message names
# Whole numbers are counts if `falls_from_zero` or `has_long_tail` says so. The limits
# tell counts from codes and from grades, such as 1 to 5 or 0 to 10.
MIN_DISTINCT_COUNTS = 4  # counts take at least this number of values
# The frequency of the largest count, divided by the frequency of the smallest count
# above 0. Classes with a usual class 0, such as kinds of faults, often lack such a
# fall.
MAX_SHARE_OF_LARGEST = 0.25
MIN_DISTINCT_IN_TAIL = 8  # with fewer values, a tail cannot be told from rare grades
# Shares of the labels that exceed the lowest number.
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
    """Returns a binary task if the column's values allow one, else None.

    The values must say yes or no, or be two in number, or one value must have the name
    of the task.
    """
    if column.is_binary:
        return binary_of_zero_and_one(column)
    return (
        yes_no_task(task, column)
        or two_values_task(column)
        or named_value_task(task, column)
    )


def yes_no_task(task: str, column: ColumnProfile) -> TaskProposal | None:
    """Returns a binary task if the column's values say yes or no, else None."""
    yes, no, unexpected = yes_no_values(column)
    if not yes:
        return None
    if not unexpected:
        others = "other values are" if len(no) > 1 else "other value is"
        reason = f"the {others} {', '.join(map(shorten, no))}"
        return binary_of_values(column, yes, reason)
    # 0, 1 and a few larger numbers may be counts: then the task is a regression.
    if is_count_or_amount(task, column):
        return None
    cells = describe_cells(column, unexpected)
    warning = (
        f"these cells count as 0: {cells}; correct or empty such cells, or add a value "
        "to `positive` if the value counts as 1"
    )
    if column.all_whole and column.numbers is not None and column.numbers.min() == 0:
        warning += "; if the labels are counts, write regression (without positive)"
    return binary_of_values(column, yes, warning=warning)


def two_values_task(column: ColumnProfile) -> TaskProposal | None:
    """Returns a binary task if the column has two values, else None."""
    if column.num_distinct != 2:
        return None
    frequent, rare = column.most_frequent()
    reason = (
        "the rarer value; if 1 is the other value, write it as `positive`: "
        f"{shorten(frequent)}"
    )
    return binary_of_values(column, [rare], reason)


def named_value_task(task: str, column: ColumnProfile) -> TaskProposal | None:
    """Returns a binary task if a value has the name of the task, else None."""
    positive_value = value_named_like(task, column)
    if positive_value is None:
        return None
    reason = f"of {column.num_distinct} values, the value named as the task"
    return binary_of_values(column, [positive_value], reason)


def yes_no_values(column: ColumnProfile) -> tuple[list[str], list[str], list[str]]:
    """Groups the values of a yes/no column into yes, no and unexpected values.

    In a yes/no column, at most `MAX_UNEXPECTED_SHARE` of the cells hold an unexpected
    value. These cells are fewer than the cells that say yes, and fewer than the cells
    that say no.

    Returns: the values that say yes, the values that say no, and the unexpected values;
        three empty lists if the column is not a yes/no column.
    """
    nothing: tuple[list[str], list[str], list[str]] = ([], [], [])
    values_by_answer: defaultdict[str, list[str]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for value, count in column.most_frequent().items():
        # Values that differ only in spelling are one answer: `1.0` and `1`, `Yes` and
        # `yes`, or `True` and `1`.
        answer = re.sub(r"^(-?[0-9]+)\.0*$", r"\1", value).lower()
        answer = {"true": "1", "false": "0"}.get(answer, answer)
        values_by_answer[answer].append(value)
        counts[answer] += count
    if len(counts) < 2:
        return nothing
    (frequent, _), (rarer, rarer_count) = counts.most_common(2)
    yes, no = (frequent, rarer) if frequent in NOES else (rarer, frequent)
    # The two most frequent answers must be a yes and a no.
    if no not in NOES.get(yes, ()):
        return nothing
    num_unexpected = column.num_filled - counts[yes] - counts[no]
    if (
        num_unexpected > MAX_UNEXPECTED_SHARE * column.num_filled
        or num_unexpected >= rarer_count
    ):
        return nothing
    yes_values = values_by_answer.pop(yes)
    no_values = values_by_answer.pop(no)
    unexpected = list(chain.from_iterable(values_by_answer.values()))
    return yes_values, no_values, unexpected


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


def is_count_or_amount(task: str, column: ColumnProfile) -> bool:
    """Whether a column holds whole numbers that are counts or amounts, not classes.

    The name of the task or of the column decides first. `age_group` suggests classes;
    `clicks` suggests counts. Otherwise the frequencies of the numbers decide.
    """
    if not column.all_whole or column.numbers is None:
        return False
    if any(last_word(name) in CLASS_WORDS for name in (task, column.name)):
        return False
    if suggests_amount(task) or suggests_amount(column.name):
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
    # A number that is left out occurs 0 times.
    before = np.where(np.diff(numbers) > 1, 0, counts[:-1])
    after = counts[1:]
    # Twice the standard deviation of the difference of two Poisson counts.
    chance = 2 * np.sqrt(before + after)
    is_rare = counts[-1] <= MAX_SHARE_OF_LARGEST * counts[1]
    return bool(is_rare and (after - before <= chance).all())


def has_long_tail(numbers: Array, counts: Array) -> bool:
    """Whether the numbers begin with 0 or 1, and most numbers above are small.

    Large counts are rare, and some of them may be left out or be frequent round
    numbers. Labels that equal the lowest number tell nothing: all other labels are
    rare beside a usual class 0 too. See `falls_from_zero` for the arguments.
    """
    lowest, highest = numbers[0], numbers[-1]
    if lowest not in (0, 1) or len(numbers) < MIN_DISTINCT_IN_TAIL:
        return False
    position = (numbers[1:] - lowest) / (highest - lowest)
    counts = counts[1:]
    above_quarter, above_half = (
        counts[position > limit].sum() / counts.sum() for limit in (0.25, 0.5)
    )
    return bool(
        above_quarter <= MAX_SHARE_ABOVE_QUARTER and above_half <= MAX_SHARE_ABOVE_HALF
    )
