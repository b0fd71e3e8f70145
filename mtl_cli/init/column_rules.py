"""Rules that propose the use of a column."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.init.column_profile import MAX_CATEGORIES, MAX_EXACT, ColumnProfile
from mtl_cli.init.column_proposal import (
    ColumnProposal,
    join_remarks,
    leave_out,
    numeric_keys,
    propose_categories,
    propose_numbers,
    set_min_count,
)
from mtl_cli.init.column_summary import first_and_last_time, shorten
from mtl_cli.init.name_hints import (
    BIRTH_WORDS,
    PROPENSITY_WORDS,
    ROW_WEIGHT,
    has_word,
    suggests_amount,
    suggests_entity,
    suggests_id,
    suggests_request,
)
from mtl_cli.init.value_kinds import matches

FREE_TEXT_LENGTH = 40  # characters
DATE = (
    r"^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4})"
    r"([ T].*)?$"
)
# {pattern of text that should be converted: what it holds, and how to convert it}
CONVERTIBLE_TEXT = {
    r"^-?[0-9]+,[0-9]+$": "numbers with a decimal comma: write a point",
    DATE: "dates: write them as 2024-12-31",
    r"^\[.*\]$": "lists in brackets: write them as a|b|c",
    r"^\{.*\}$": "records: make one column per field",
}
# {separator of lists in text: share of the cells that must contain the separator}
SEPARATORS = {"|": 0.2, ";": 0.2, "^": 0.2, ", ": 0.5, ",": 0.5, " ": 0.5}
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
    if "${" in column.name:
        return leave_out(column, "configs cannot hold '${': rename it")
    if column.kind == "other":
        return leave_out(column, f"no feature reads {column.arrow_type}: convert it")
    if column.kind != "list" and column.num_distinct == 1 and not column.num_missing:
        return leave_out(column, f"always {shorten(column.values[0].as_py())}")
    return None


def time_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes to order rows by a column of times. Times are not a feature."""
    if first_and_last_time(column) is None:
        return None
    remark = "not a feature: new rows have new times"
    if has_word(column.name, BIRTH_WORDS):
        remark = "not a feature as it is: convert it to an age"
    return ColumnProposal(column, "time", remark=remark)


def weight_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes a column for the weights of the rows if its name suggests weights."""
    if column.numbers is None or not ROW_WEIGHT.fullmatch(column.name):
        return None
    remark = f"by its name, for weight_column: {column.name}"
    return ColumnProposal(column, "weight", numeric_keys(column), remark)


def logging_column(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out columns of logs: propensities and ids of requests.

    Their values are not known, or are always new, when a model predicts.
    """
    if column.numbers is not None and has_word(column.name, PROPENSITY_WORDS):
        remark = "by its name, the probability that the row was shown: not a feature; "
        remark += "its inverse may serve as weight_column"
        return leave_out(column, remark, numeric_keys(column))
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
        warning = f"ids in text, such as {example}: 4.0 and 4 are two ids; "
        warning += "store them as whole numbers"
        if len(np.unique(column.numbers)) < column.num_distinct:
            warning += ", as some are spelt in both ways"
        return propose_categories(column, warning=warning)
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
        return propose_categories(column) if is_entity else propose_numbers(column)
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


def convertible_text(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out text that a user can convert to numbers, times, lists or columns."""
    if column.kind != "text":
        return None
    non_numbers, num_cells = column.non_numbers()
    is_numeric = column.num_distinct - len(non_numbers) > MAX_CATEGORIES
    if len(non_numbers) <= 5 and is_numeric and not suggests_id(column.name):
        texts = ", ".join(f"'{shorten(value)}'" for value in non_numbers)
        warning = f"numbers but for {texts} in {num_cells:,} cells: empty these cells, "
        warning += "or in a text file list their texts in csv.null_values"
        keys = numeric_keys(column, missing=True)
        return ColumnProposal(column, "left out", keys, warning=warning)
    for pattern, remark in CONVERTIBLE_TEXT.items():
        if column.num_distinct > 1 and matches(column.values, pattern).mean() > 0.9:
            return leave_out(column, remark)
    return None


def list_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes a sequence feature for lists, and for lists that are written as text."""
    separator = None
    if column.kind == "text":
        separator = list_separator(column)
        if separator is None:
            return None
        column = column.split(separator)
    elements, lengths = column.elements, column.lengths
    if column.kind != "list" or elements is None or lengths is None:
        return None
    is_id_kind = elements.kind in ("text", "whole", "boolean")
    is_float = pa.types.is_floating(elements.arrow_type)
    if is_float or not (is_id_kind or elements.stored_as_text):
        return leave_out(column, f"no feature reads lists of {elements.arrow_type}")
    if elements.counts.max() == 1:
        return leave_out(column, "lists of values that occur once each")
    max_length = max(1, math.ceil(np.quantile(lengths, 0.95)))
    keys: dict[str, Any] = {"kind": "sequence", "max_length": max_length}
    if separator is not None:
        keys["separator"] = separator
    remark = set_min_count(keys, elements.counts, "all values")
    if lengths.max() > max_length:
        share = (lengths <= max_length).mean()
        whole = f"max_length keeps {share:.0%} of the lists whole"
        remark = join_remarks(whole, remark)
    return ColumnProposal(column, "feature", keys, remark)


def list_separator(column: ColumnProfile) -> str | None:
    """Returns the separator of the lists in a text column; None if it holds no lists.

    Cells are taken for lists if their parts repeat more often than the words of
    sentences do. Parts between spaces must also contain digits, as ids do.
    """
    for separator, min_share in SEPARATORS.items():
        contains = np.asarray(pc.match_substring(column.values, separator))
        num_cells = column.counts[contains].sum()
        if num_cells < min_share * column.num_filled:
            continue
        elements = column.split(separator).elements
        if elements is None or elements.num_distinct > 0.6 * column.num_distinct:
            continue
        num_with_digits = elements.counts[matches(elements.values, "[0-9]")].sum()
        if separator != " " or num_with_digits >= 0.9 * elements.counts.sum():
            return separator
    return None


def text_column(column: ColumnProfile) -> ColumnProposal:
    """Proposes categories; leaves out sentences and texts that hardly repeat."""
    lengths = np.array([len(value) for value in column.values.to_pylist()])
    mean_length = float(np.average(lengths, weights=column.counts))
    if mean_length > FREE_TEXT_LENGTH and column.num_distinct > 0.3 * column.num_filled:
        return leave_out(column, "free text")
    if column.mostly_unique and column.num_distinct > MAX_CATEGORIES:
        return leave_out(column, "differs in nearly every row")
    return propose_categories(column)
