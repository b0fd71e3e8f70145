"""Lets lists and numbered columns use the embeddings of the ids that they hold."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.init.column_profile import MAX_CATEGORIES, ColumnProfile
from mtl_cli.init.column_proposal import ColumnProposal, join_remarks
from mtl_cli.init.name_hints import (
    is_named_after,
    is_numbered,
    suggests_amount,
    suggests_entity,
    suggests_time,
)

# A column uses the embeddings of another column that holds this share of its values.
MIN_SHARED_VALUES = 0.95
MAX_FILLED_RANGE = 0.1
# These values mark empty places; "" comes from a separator at the end of a list.
PADDING = pa.array(["0", "-1", ""])


def share_table(
    proposal: ColumnProposal, proposals: list[ColumnProposal]
) -> ColumnProposal:
    """Lets a column use the embeddings of the only column with the same values.

    The column holds lists, or is one of numbered columns, such as `hist_1`. Whole
    numbers must be ids that fill little of their range, as other numbers may be equal
    to them by chance. The exception is a column that is named after the ids, such as
    `hist_item_id` after `item_id`.
    """
    column, keys = proposal.column, proposal.keys
    if not (proposal.is_feature and keys):
        return proposal
    if is_list := keys["kind"] == "sequence" and column.lists is not None:
        elements, verbs = column.lists.elements, ("lists hold", "use")
        keys = {key: keys[key] for key in keys if key != "min_count"}
    elif may_hold_ids(column):
        elements, verbs = column, ("column holds", "uses")
        keys = {"kind": "sparse"}
    else:
        return proposal
    owners = [
        other.column.name
        for other in proposals
        if (other.is_feature and other.keys and other.keys["kind"] == "sparse")
        and (is_list or names_unnumbered_entity(other.column.name))
        and holds_values_of(elements, other.column)
    ]
    if len(owners) > 1:
        owners = [owner for owner in owners if not is_numbered(owner)]
    if len(owners) != 1:
        return proposal
    remarks = proposal.remark.split("; ")
    about_length = [remark for remark in remarks if remark.startswith("max_length")]
    about_table = f"the {verbs[0]} values of {owners[0]}, and {verbs[1]} its embeddings"
    remark = join_remarks(*about_length, about_table)
    return replace(proposal, keys=keys | {"table": owners[0]}, remark=remark)


def names_unnumbered_entity(name: str) -> bool:
    return suggests_entity(name) and not is_numbered(name)


def may_hold_ids(column: ColumnProfile) -> bool:
    """Whether a numbered column, such as `hist_1`, may hold ids of another column."""
    return (
        is_numbered(column.name)
        and column.kind in ("whole", "text")
        and column.num_distinct > MAX_CATEGORIES
        and not (suggests_amount(column.name) or suggests_time(column.name))
    )


def holds_values_of(column: ColumnProfile, owner: ColumnProfile) -> bool:
    """Whether nearly all values of a column are values of `owner`, and not by chance.

    `column` may hold the values of lists.
    """
    if fills_range(owner) and not is_named_after(column.name, owner.name):
        return False
    counts = np.where(pc.is_in(column.values, PADDING), 0, column.counts)
    is_shared = np.asarray(pc.is_in(column.values, owner.values))
    return bool(counts[is_shared].sum() >= MIN_SHARED_VALUES * counts.sum() > 0)


def fills_range(column: ColumnProfile) -> bool:
    """Whether a column holds a large share of the whole numbers in its range."""
    if column.kind != "whole" or column.numbers is None:
        return False
    size = column.numbers.max() - column.numbers.min() + 1
    return bool(len(column.numbers) > MAX_FILLED_RANGE * size)
