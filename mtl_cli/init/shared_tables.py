"""Finds lists whose values are ids of another feature.

Such a list is often a history: the last items of a user, beside the item of the row.
Both features can then share one embedding table.
"""

from itertools import product

import numpy as np
import pyarrow.compute as pc

from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_proposal import ColumnProposal

# Two columns may have fewer values than this in common by chance, such as hours.
MIN_COMMON_IDS = 21
MIN_COMMON_SHARE_OF_LIST = 0.9
MIN_COMMON_SHARE_OF_IDS = 0.5


def notes_on_shared_tables(proposals: list[ColumnProposal]) -> list[str]:
    """Returns a note for each list of ids on how to share another feature's table."""
    features = [proposal for proposal in proposals if proposal.is_feature]
    lists = [(p, p.column.elements) for p in features if p.column.elements is not None]
    ids = [
        p.column
        for p in features
        if p.column.elements is None and (p.keys or {}).get("kind") == "sparse"
    ]
    return [
        note_on_shared_table(list_feature, id_column)
        for (list_feature, elements), id_column in product(lists, ids)
        if holds_ids_of(elements, id_column)
    ]


def holds_ids_of(elements: ColumnProfile, id_column: ColumnProfile) -> bool:
    """Whether the elements of a column's lists are the ids of another column.

    Nearly all values of the list must be ids, and half of the ids must be values of the
    list.
    """
    min_common = max(
        MIN_COMMON_SHARE_OF_LIST * elements.num_distinct,
        MIN_COMMON_SHARE_OF_IDS * id_column.num_distinct,
        MIN_COMMON_IDS,
    )
    if min(elements.num_distinct, id_column.num_distinct) < min_common:
        return False  # saves the slow comparison of the values
    is_common = pc.is_in(elements.values, value_set=id_column.values)
    return bool(np.asarray(is_common).sum() >= min_common)


def note_on_shared_table(list_feature: ColumnProposal, id_column: ColumnProfile) -> str:
    """Returns the note on a list that can use the table of another feature."""
    name, id_name = list_feature.column.name, id_column.name
    fix = f"write table: {id_name}"
    # The feature that owns the table, not the list, sets the table's `min_count`.
    if "min_count" in (list_feature.keys or {}):
        fix += " in place of min_count"
    return (
        f"{name} holds values of {id_name}; to use the embeddings of {id_name} for "
        f"{name} too, {fix}"
    )
