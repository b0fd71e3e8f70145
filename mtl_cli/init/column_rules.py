"""Rules that propose the use of a column."""

from datetime import UTC, datetime

import numpy as np

from mtl_cli.init.column_profile import MAX_CATEGORIES, MAX_EXACT, Array, ColumnProfile
from mtl_cli.init.column_proposal import (
    ColumnProposal,
    leave_out,
    numeric_keys,
    propose_categories,
    propose_numbers,
)
from mtl_cli.init.column_summary import distinct_and_missing, shorten, summarize
from mtl_cli.init.name_hints import (
    suggests_amount,
    suggests_birth,
    suggests_entity,
    suggests_id,
    suggests_propensity,
    suggests_request,
    suggests_row_weight,
    suggests_time,
)
from mtl_cli.init.text_rules import convertible_text, list_column, text_column

MIN_ROWS_PER_ENTITY = 20  # on average; ids of requests occur in fewer rows


def propose_column(column: ColumnProfile) -> ColumnProposal:
    """Returns the proposal of the first rule that applies to a column.

    A rule returns None if it does not apply.
    """
    return (
        unusable_column(column)
        or time_column(column)
        or weight_column(column)
        or logging_column(column)
        or convertible_text(column)
        or list_column(column)
        or decimal_column(column)
        or whole_number_column(column)
        or text_column(column)
    )


def unusable_column(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out a column that no feature can read, or that holds a single value."""
    if column.kind == "empty":
        return leave_out(column, "empty in all rows")
    if not column.name:
        return leave_out(column, "has no name")
    if "${" in column.name:
        return leave_out(column, "configs cannot hold '${': rename it")
    if column.kind == "other":
        return leave_out(column, f"no feature reads {column.arrow_type}: convert it")
    if column.kind != "list" and column.num_distinct == 1 and not column.num_missing:
        return leave_out(column, f"always {shorten(column.values[0].as_py())}")
    return None


def time_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes to order rows by a column of times. Times are not a feature."""
    time_range = None
    if column.kind == "time":
        times = column.values.to_pylist()
        time_range = min(times), max(times)
    elif column.numbers is not None and suggests_time(column.name):
        time_range = first_and_last_time(column.numbers)
    if time_range is None:
        return None
    first, last = time_range
    summary = f"times {first[:19]} to {last[:19]}{distinct_and_missing(column)}"
    remark = "not a feature: new rows have new times"
    if suggests_birth(column.name):
        remark = "not a feature as it is: convert it to an age"
    return ColumnProposal(column, "time", None, summary, remark)


def first_and_last_time(numbers: Array) -> tuple[str, str] | None:
    """Returns the first and the last time as text; None if the numbers are not times.

    Numbers are taken for times if all are seconds, milliseconds, microseconds or
    nanoseconds since 1970, or if all are dates such as 20241231.
    """
    low, high = float(numbers.min()), float(numbers.max())
    for unit in (1, 1e3, 1e6, 1e9):
        if low / unit >= 6e8 and high / unit <= 2.5e9:  # 1989 to 2049
            first, last = (datetime.fromtimestamp(x / unit, UTC) for x in (low, high))
            return first.isoformat(" "), last.isoformat(" ")
    if low < 1.9e7 or high >= 2.1e7:  # dates from 1900 to 2099
        return None
    try:
        for number in numbers:
            datetime.strptime(f"{number:.0f}", "%Y%m%d")
    except ValueError:
        return None
    return f"{low:.0f}", f"{high:.0f}"


def weight_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes a column for the weights of the rows if its name suggests weights."""
    if column.numbers is None or not suggests_row_weight(column.name):
        return None
    remark = f"by its name, for weight_column: {column.name}"
    keys = numeric_keys(column)
    return ColumnProposal(column, "weight", keys, summarize(column), remark)


def logging_column(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out columns of logs: propensities and ids of requests.

    Their values are not known, or are always new, when a model predicts.
    """
    keys = None if column.numbers is None else numeric_keys(column)
    if column.numbers is not None and suggests_propensity(column.name):
        remark = "by its name, the probability that the row was shown: not a feature; "
        remark += "its inverse may serve as weight_column"
        return leave_out(column, remark, keys)
    is_rare = MIN_ROWS_PER_ENTITY * column.num_distinct > column.num_filled
    if suggests_request(column.name) and is_rare and column.num_distinct > 2:
        return leave_out(column, "by its name, ids of requests: new rows have new ids")
    return None


def decimal_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes numbers with decimals as a numeric feature, unless they are ids."""
    if column.kind != "decimal" or column.numbers is None:
        return None
    is_finite = np.isfinite(column.numbers)
    if not is_finite.all():
        num_cells = int(column.counts[~is_finite].sum())
        remark = f"infinite in {num_cells:,} cells: empty them"
        return leave_out(column, remark, numeric_keys(column, missing=True))
    if suggests_id(column.name) and column.all_whole:
        if not column.stored_as_text:
            remark = "ids that their type rounds: store them as whole numbers or text"
            return leave_out(column, remark)
        example = shorten(column.values[0].as_py())
        remark = f"WARNING: ids in text, such as {example}: 4.0 and 4 are two ids; "
        remark += "store them as whole numbers"
        if len(np.unique(column.numbers)) < column.num_distinct:
            remark += ", as some are spelt in both ways"
        return propose_categories(column, remark)
    return propose_numbers(column)


def whole_number_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes whole numbers as categories or as a numeric feature.

    The column's name and the counts of its values decide.
    """
    if column.kind not in ("whole", "boolean"):
        return None
    numbers = column.numbers
    is_amount, is_entity = suggests_amount(column.name), suggests_entity(column.name)
    if numbers is None or column.num_distinct <= 2:
        return propose_categories(column)
    if column.num_distinct <= MAX_CATEGORIES:
        # With one bucket per value, a numeric feature distinguishes all values, as
        # categories do, and also knows their order.
        is_code = is_entity or suggests_id(column.name)
        return propose_categories(column) if is_code else propose_numbers(column)
    if column.mostly_unique and not is_amount:
        keys = None if is_entity else numeric_keys(column)
        return leave_out(column, "differs in nearly every row", keys)
    if np.abs(numbers).max() > MAX_EXACT:
        return propose_categories(column, "ids above 2^53, kept exact")
    if suggests_id(column.name):
        return propose_categories(column)
    if is_amount:
        return propose_numbers(column)
    # Many values that occur several times may be ids or amounts. A single value, such
    # as 0, often fills a large share of a column of amounts, but not of ids.
    repeats = column.num_distinct >= 1000 and (
        column.num_filled >= 5 * column.num_distinct
    )
    no_special_value = column.counts.max() < 0.25 * column.num_filled
    if is_entity or (repeats and no_special_value and numbers.min() >= 0):
        amounts = "{kind: piecewise_linear, num_buckets: 16}"
        remark = f"taken for ids; if amounts, {amounts}"
        return propose_categories(column, remark)
    return propose_numbers(column, "taken for amounts; if codes, {kind: sparse}")
