"""Rules that propose the use of a column.

Each rule is a function that returns a proposal, or None if the rule does not apply. The
rules for text and lists are in `text_rules`.
"""

import re
from dataclasses import replace

import numpy as np

from mtl_cli.init.column_profile import MAX_CATEGORIES, ColumnProfile
from mtl_cli.init.column_proposal import (
    ColumnProposal,
    leave_out,
    numeric_keys,
    propose_categories,
    propose_numbers,
)
from mtl_cli.init.column_summary import shorten, times_of
from mtl_cli.init.convertible_text import (
    convertible_remark,
    odd_cells_warning,
    thousands_warning,
)
from mtl_cli.init.name_hints import (
    BIRTH_WORDS,
    PROPENSITY_WORDS,
    ROW_WEIGHT,
    SAMPLING_RATE,
    ends_in_id,
    has_word,
    names_ids,
    numbers_things,
    suggests_amount,
    suggests_entity,
    suggests_id,
    suggests_request,
    suggests_time,
    words_before_number,
)
from mtl_cli.init.repeated_numbers import (
    MIN_DISTINCT_IDS,
    repeat_as_codes,
    repeat_as_ids,
)
from mtl_cli.init.text_rules import list_column, text_column

# An id of a user or an item occurs in at least this number of rows on average, an id of
# a request in fewer.
MIN_ROWS_PER_ENTITY = 50

# The names that pandas gives an index without a name, in Parquet and in CSV files.
INDEX_OF_PANDAS = re.compile(r"__index_level_[0-9]+__|Unnamed: 0")

MAX_EXACT = 2**53  # float64 holds all whole numbers up to this number


def propose_column(column: ColumnProfile) -> ColumnProposal:
    """Returns the proposal of the first rule that applies to a column."""
    return (
        unusable_column(column)
        or time_column(column)
        or weight_column(column)
        or propensity_or_request_column(column)
        or list_column(column)
        or decimal_column(column)
        or whole_number_column(column)
        or text_column(column)
    )


def unusable_column(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out a column that no feature can use as it is."""
    if column.kind == "empty":
        return leave_out(column, "the column is empty in all rows")
    if column.kind == "other":
        if column.is_struct:
            return leave_out(column, "its fields are columns of their own")
        remark = f"no feature reads {column.arrow_type}: convert the column"
        return leave_out(column, remark)
    if column.kind != "list" and column.num_distinct == 1 and not column.num_missing:
        value = shorten(column.values[0].as_py())
        return leave_out(column, f"the value is always {value}")
    if warning := odd_cells_warning(column):
        return ColumnProposal(column, "left out", warning=warning)
    if INDEX_OF_PANDAS.fullmatch(column.name):
        return leave_out(column, "pandas wrote its numbers of rows into this column")
    remark = convertible_remark(column)
    return leave_out(column, remark) if remark else None


def time_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes to order rows by a column of times. Times are not a feature.

    The keys would make their hour a feature, or their weekday if they have no hours.
    """
    times = times_of(column)
    if times is None:
        return None
    if has_word(column.name, BIRTH_WORDS):
        remark = "a date of birth is not a feature: convert it to an age"
        return ColumnProposal(column, "time", remark=remark)
    time_format, *ends = times
    # In a column of dates, all clocks are missing or show midnight.
    are_dates = {end[11:16] for end in ends} <= {"", "00:00"}
    name = "weekday" if are_dates else "hour"
    keys = {"kind": "calendar", "part": name, "format": time_format}
    remark = f"times are not a feature: new rows have new times; their {name} can be"
    return ColumnProposal(column, "time", keys, remark)


def weight_column(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out a column whose name suggests weights or sampling rates of the rows."""
    if column.numbers is None:
        return None
    if ROW_WEIGHT.fullmatch(column.name):
        remark = f"to use these weights of rows, write weight_column: {column.name}"
        return ColumnProposal(column, "weight", numeric_keys(column), remark)
    # The sampling rate of a sound is a number such as 44100.
    if SAMPLING_RATE.search(column.name) and column.numbers.max() <= 1:
        remark = (
            "to undo the sampling of negatives, write sampling_rate: "
            f"{column.name} at the task"
        )
        return leave_out(column, remark, numeric_keys(column))
    return None


def propensity_or_request_column(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out propensities, and ids of requests or sessions, as in logs."""
    if column.numbers is not None and has_word(column.name, PROPENSITY_WORDS):
        remark = "the name suggests the probability that the row was shown"
        return leave_out(column, remark, numeric_keys(column))
    rarely_repeats = column.num_filled < MIN_ROWS_PER_ENTITY * column.num_distinct
    if not (suggests_request(id_name(column)) and rarely_repeats):
        return None
    # A column `session` may hold the items of a session.
    is_id = ends_in_id(id_name(column)) or list_column(column) is None
    if is_id and column.num_distinct > 2:
        remark = "the name suggests ids of requests or sessions: new rows have new ids"
        return ColumnProposal(column, "request", remark=remark)
    return None


def decimal_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes numbers with decimals as a numeric feature, unless they are ids.

    pandas writes whole numbers such as 4 as 4.0 if some cells of the column are empty.
    Ids of two numbers, such as 1234.1700000000 and the versions 9.1 and 9.10, are text.
    """
    if column.kind != "decimal":
        return None
    if names_ids(column.name) and not column.all_whole:
        return text_column(column)
    if column.all_whole and column.num_distinct > 2 and seems_ids(column):
        if column.mostly_unique and column.num_distinct > MAX_CATEGORIES:
            return leave_out(column, "the value differs in nearly every row")
        warning = (
            f"the ids are {column.arrow_type}, and the texts 4.0 and 4 are two ids; "
            "store the ids as whole numbers"
        )
        return propose_categories(column, remark_on_ids(column), warning)
    if column.all_whole and numbers_rows(column):
        remark = "whole numbers that rise from row to row are ids of the rows"
        return leave_out(column, remark, numeric_keys(column))
    return replace(propose_numbers(column), warning=thousands_warning(column))


def numbers_rows(column: ColumnProfile) -> bool:
    """Whether the numbers of a column rise from row to row."""
    is_filled = column.num_distinct == len(column.codes) > MAX_CATEGORIES
    return bool(is_filled and (np.diff(column.numbers_by_row()) > 0).all())


def whole_number_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes whole numbers or booleans as categories or as a numeric feature.

    The first line of this table that applies decides:

        at most 2 distinct values, or booleans             categories
        mostly unique, and the name suggests no amount     left out
        a number above 2^53                                categories
        ids or codes by name or numbers (`seems_ids`)      categories
        otherwise                                          numbers

    Few distinct values are never left out. If the name decides nothing, a remark names
    the other reading.
    """
    if column.kind not in ("whole", "boolean"):
        return None
    numbers = column.numbers
    if numbers is None or column.num_distinct <= 2:
        return propose_categories(column)
    has_few_values = column.num_distinct <= MAX_CATEGORIES
    is_amount = suggests_amount(id_name(column))
    if column.mostly_unique and not is_amount and not has_few_values:
        keys = None if suggests_entity(column.name) else numeric_keys(column)
        return leave_out(column, "the value differs in nearly every row", keys)
    if np.abs(numbers).max() > MAX_EXACT:
        remark = "numbers above 2^53 are taken for ids, which are kept exact"
        return propose_categories(column, remark)
    if seems_ids(column):
        return propose_categories(column, remark_on_ids(column))
    # A numeric feature of few values has one bucket per value.
    if is_amount or suggests_time(column.name) or has_few_values:
        return propose_numbers(column)
    return propose_numbers(column, "taken for amounts; if codes, write {kind: sparse}")


def seems_ids(column: ColumnProfile) -> bool:
    """Whether whole numbers are ids or codes: by the name, or as they repeat.

    A name such as `item_price` suggests both an entity and an amount: an amount.
    """
    if suggests_id(id_name(column)):
        return True
    if suggests_amount(column.name) or suggests_time(column.name):
        return False
    return (
        suggests_entity(column.name) or repeat_as_ids(column) or repeat_as_codes(column)
    )


def id_name(column: ColumnProfile) -> str:
    """Returns the name of a column; `order id` for an `order_number` of many numbers.

    With few numbers, `order_number` may count the orders of a user.
    """
    if column.num_distinct < MIN_DISTINCT_IDS or not numbers_things(column.name):
        return column.name
    return f"{words_before_number(column.name)[-2]} id"


def remark_on_ids(column: ColumnProfile) -> str:
    """Names the other reading of ids, if the name does not say that they are ids."""
    if suggests_id(id_name(column)) or column.num_distinct <= MAX_CATEGORIES:
        return ""
    return (
        "taken for ids; if they are amounts, write {kind: piecewise_linear, "
        "num_buckets: 16}"
    )
