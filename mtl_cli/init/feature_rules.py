"""Rules that propose how a column becomes a feature, as a careful person would."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from mtl_cli.init.column_profile import Array, ColumnProfile, matches
from mtl_cli.init.feature_proposal import (
    MAX_CATEGORIES,
    MAX_EXACT,
    FeatureProposal,
    bucketized,
    distinct_values,
    leave_out,
    propose_buckets,
    propose_categories,
    propose_sequence,
    shorten,
    summarize,
)
from mtl_cli.init.name_hints import (
    TIME_NAME,
    WEIGHT_NAME,
    is_amount,
    is_birth,
    is_entity,
    is_id,
)

FREE_TEXT_LENGTH = 40  # characters
DATE = (
    r"^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4})"
    r"([ T].*)?$"
)
# Text that a user can convert to something better, and how.
CONVERTIBLE_TEXT = {
    r"^-?[0-9]+,[0-9]+$": "numbers with a decimal comma: write a point",
    DATE: "dates: write them as 2024-12-31",
    r"^\[.*\]$": "lists in brackets: write them as a|b|c",
    r"^\{.*\}$": "records: make a column of each of their parts",
}
# {separator of lists in text: least share of the cells that must hold the separator}
SEPARATORS = {"|": 0.2, ";": 0.2, ", ": 0.5, ",": 0.5, " ": 0.5}


def propose_feature(column: ColumnProfile) -> FeatureProposal:
    """Returns the proposal of the first rule that applies to a column."""
    proposals = (rule(column) for rule in RULES)
    return next(proposal for proposal in proposals if proposal is not None)


def unusable(column: ColumnProfile) -> FeatureProposal | None:
    """Leaves out a column that no feature can read, or that always says the same."""
    if column.kind == "empty":
        return leave_out(column, "empty in all rows")
    if not column.name:
        return leave_out(column, "has no name")
    if "${" in column.name:
        return leave_out(column, "configs cannot hold '${': rename it")
    if column.kind == "other":
        return leave_out(column, f"no feature reads {column.arrow_type}: convert it")
    if column.kind != "list" and column.distinct == 1 and not column.missing:
        return leave_out(column, f"always {shorten(column.values[0].as_py())}")
    return None


def time(column: ColumnProfile) -> FeatureProposal | None:
    """Proposes times for the order of the rows, not as a feature."""
    first, last = "", ""
    if column.kind == "time":
        times = column.values.to_pylist()
        first, last = min(times), max(times)
    elif column.numbers is not None and TIME_NAME.search(column.name):
        first, last = first_and_last_time(column.numbers)
    if not first:
        return None
    summary = f"times {first[:19]} to {last[:19]}{distinct_values(column)}"
    remark = "no feature: the times of new rows are new"
    if is_birth(column.name):
        remark = "no feature as it is: make an age of it"
    return FeatureProposal(column, "time", None, summary, remark)


def first_and_last_time(numbers: Array) -> tuple[str, str]:
    """Returns the first and the last of numbers that may be times, else "" and "".

    Args:
        numbers: seconds since 1970 or thousandths and so on of them, or YYYYMMDD.
    """
    low, high = float(numbers.min()), float(numbers.max())
    for unit in (1, 1e3, 1e6, 1e9):
        if low / unit >= 6e8 and high / unit <= 2.5e9:  # 1989 to 2049
            first, last = (datetime.fromtimestamp(x / unit, UTC) for x in (low, high))
            return first.isoformat(" "), last.isoformat(" ")
    if low < 1.9e7 or high >= 2.1e7:
        return "", ""
    try:
        for number in numbers:
            datetime.strptime(f"{number:.0f}", "%Y%m%d")
    except ValueError:
        return "", ""
    return f"{low:.0f}", f"{high:.0f}"


def weight(column: ColumnProfile) -> FeatureProposal | None:
    """Proposes a column as the rows' weights if its name says so."""
    if column.numbers is None or not WEIGHT_NAME.match(column.name):
        return None
    remark = f"by its name, for weight_column: {column.name}"
    keys = bucketized(column)
    return FeatureProposal(column, "weight", keys, summarize(column), remark)


def convertible_text(column: ColumnProfile) -> FeatureProposal | None:
    """Leaves out text that is nearly something else, and says how to convert it."""
    if column.kind != "text":
        return None
    values, cells = column.non_numbers()
    num_numbers = column.distinct - len(values)
    if len(values) <= 5 and num_numbers > MAX_CATEGORIES and not is_id(column.name):
        listed = ", ".join(f"'{shorten(value)}'" for value in values)
        remark = f"numbers but for {listed} in {cells:,} cells: empty them"
        return leave_out(column, remark, bucketized(column, missing=True))
    for pattern, remark in CONVERTIBLE_TEXT.items():
        if column.distinct > 1 and matches(column.values, pattern).mean() > 0.9:
            return leave_out(column, remark)
    return None


def sequence(column: ColumnProfile) -> FeatureProposal | None:
    """Proposes a sequence for lists, and for lists that are written as text."""
    separator = None
    if column.kind == "text":
        separator = list_separator(column)
        if separator is None:
            return None
        column = column.split(separator)
    elements = column.elements
    if column.kind != "list" or elements is None:
        return None
    if (
        elements.kind not in ("text", "whole", "boolean")
        and not elements.stored_as_text
    ):
        return leave_out(column, f"no feature reads lists of {elements.arrow_type}")
    if elements.counts.max() == 1:
        return leave_out(column, "lists of values that never come twice")
    return propose_sequence(column, separator)


def list_separator(column: ColumnProfile) -> str | None:
    """Returns the text between the values of cells that hold lists, or None.

    The values of lists occur again in other cells; the words of sentences do so less.
    Lists with spaces between the values hold ids, with digits.
    """
    for separator, least_share in SEPARATORS.items():
        literal = f"[{separator[0]}]{separator[1:]}"
        cells = column.counts[matches(column.values, literal)].sum()
        if cells < least_share * column.filled:
            continue
        elements = column.split(separator).elements
        if elements is None or elements.distinct > 0.6 * column.distinct:
            continue
        with_digits = elements.counts[matches(elements.values, "[0-9]")].sum()
        if separator != " " or with_digits >= 0.9 * elements.counts.sum():
            return separator
    return None


def decimal(column: ColumnProfile) -> FeatureProposal | None:
    """Cuts numbers with decimals into buckets."""
    if column.kind != "decimal" or column.numbers is None:
        return None
    finite = np.isfinite(column.numbers)
    if not finite.all():
        cells = int(column.counts[~finite].sum())
        remark = f"infinite in {cells:,} cells: empty them"
        return leave_out(column, remark, bucketized(column, missing=True))
    whole_numbers = bool((column.numbers % 1 == 0).all())
    if is_id(column.name) and whole_numbers and column.distinct > MAX_CATEGORIES:
        remark = "whole numbers stored with decimals, as pandas does where cells are "
        remark += "missing; ids above 2^53 change: store them as whole numbers or text"
        if not column.stored_as_text:
            return leave_out(column, remark)
        return propose_categories(column, remark)
    return propose_buckets(column)


def whole(column: ColumnProfile) -> FeatureProposal | None:
    """Tells ids and categories from amounts."""
    if column.kind not in ("whole", "boolean"):
        return None
    numbers = column.numbers
    if numbers is None or column.distinct <= MAX_CATEGORIES:
        return propose_categories(column)
    amount, entity = is_amount(column.name), is_entity(column.name)
    if column.mostly_unique and not amount:
        keys = None if entity else bucketized(column)
        return leave_out(column, "differs in nearly every row", keys)
    if np.abs(numbers).max() > MAX_EXACT:
        return propose_categories(column, "ids above 2^53, kept exact")
    if is_id(column.name):
        return propose_categories(column)
    if amount:
        return propose_buckets(column)
    # Of many values that each occur often, an id has no special one, an amount has 0.
    repeats = column.distinct >= 1000 and column.filled >= 5 * column.distinct
    no_special_value = column.counts.max() < 0.25 * column.filled
    if entity or (repeats and no_special_value and numbers.min() >= 0):
        remark = "taken for ids; if amounts, {kind: bucketized, num_buckets: 32}"
        return propose_categories(column, remark)
    return propose_buckets(column, "taken for amounts; if codes, {kind: sparse}")


def text(column: ColumnProfile) -> FeatureProposal:
    """Takes text for categories, but not sentences or values that are all different."""
    lengths = np.array([len(value) for value in column.values.to_pylist()])
    mean_length = float(np.average(lengths, weights=column.counts))
    if mean_length > FREE_TEXT_LENGTH and column.distinct > 0.3 * column.filled:
        return leave_out(column, "free text")
    if column.mostly_unique and column.distinct > MAX_CATEGORIES:
        return leave_out(column, "differs in nearly every row")
    return propose_categories(column)


RULES: list[Callable[[ColumnProfile], FeatureProposal | None]] = [
    unusable,
    time,
    weight,
    convertible_text,
    sequence,
    decimal,
    whole,
    text,
]
