"""Rules that propose the use of a column of text or of lists."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.init.column_profile import MAX_CATEGORIES, ColumnProfile
from mtl_cli.init.column_proposal import (
    ColumnProposal,
    leave_out,
    numeric_keys,
    propose_categories,
    propose_sequence,
)
from mtl_cli.init.column_summary import shorten
from mtl_cli.init.name_hints import suggests_id
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


def convertible_text(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out text that a user can convert to numbers, times, lists or columns.

    Returns None for a column of other values.
    """
    if column.kind != "text":
        return None
    non_numbers, num_cells = column.non_numbers()
    is_numeric = column.num_distinct - len(non_numbers) > MAX_CATEGORIES
    if len(non_numbers) <= 5 and is_numeric and not suggests_id(column.name):
        texts = ", ".join(f"'{shorten(value)}'" for value in non_numbers)
        remark = f"WARNING: numbers but for {texts} in {num_cells:,} cells: empty "
        remark += "these cells, or in a text file list their texts in csv.null_values"
        return leave_out(column, remark, numeric_keys(column, missing=True))
    for pattern, remark in CONVERTIBLE_TEXT.items():
        if column.num_distinct > 1 and matches(column.values, pattern).mean() > 0.9:
            return leave_out(column, remark)
    return None


def list_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes a sequence feature for lists, and for lists that are written as text.

    Returns None for a column of other values.
    """
    separator = None
    if column.kind == "text":
        separator = list_separator(column)
        if separator is None:
            return None
        column = column.split(separator)
    elements = column.elements
    if column.kind != "list" or elements is None:
        return None
    is_id_kind = elements.kind in ("text", "whole", "boolean")
    is_float = pa.types.is_floating(elements.arrow_type)
    if is_float or not (is_id_kind or elements.stored_as_text):
        return leave_out(column, f"no feature reads lists of {elements.arrow_type}")
    if elements.counts.max() == 1:
        return leave_out(column, "lists of values that occur once each")
    return propose_sequence(column, separator)


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
