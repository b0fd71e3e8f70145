"""Finds lists whose values are ids of another feature, so both can share embeddings.

Such a list is often a history: the last items of a user, beside the item of the row.
"""

from itertools import product

import numpy as np
import pyarrow.compute as pc

from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_proposal import ColumnProposal

# Two columns of hours or ages may have fewer values than this in common by chance.
MIN_COMMON_IDS = 21
# The shares of the distinct values in the lists, and of the distinct ids, that both
# columns must have in common.
MIN_COMMON_SHARE_OF_LIST = 0.9
MIN_COMMON_SHARE_OF_IDS = 0.5


def notes_on_shared_tables(proposals: list[ColumnProposal]) -> list[str]:
    """Returns a note for each pair of a feature of lists and a feature of the same ids.

    The note says how the lists can use the embedding table of the ids.
    """
    features = [proposal for proposal in proposals if proposal.is_feature]
    list_features = [(p, p.column.lists) for p in features if p.column.lists]
    id_columns = [p.column for p in features if (p.keys or {}).get("kind") == "sparse"]
    return [
        note_on_shared_table(list_feature, id_column)
        for (list_feature, lists), id_column in product(list_features, id_columns)
        if holds_ids_of(lists.elements, id_column)
    ]


def holds_ids_of(elements: ColumnProfile, id_column: ColumnProfile) -> bool:
    """Whether the values in the lists of a column are the ids of another column."""
    min_common = max(
        MIN_COMMON_SHARE_OF_LIST * elements.num_distinct,
        MIN_COMMON_SHARE_OF_IDS * id_column.num_distinct,
        MIN_COMMON_IDS,
    )
    if min(elements.num_distinct, id_column.num_distinct) < min_common:
        return False  # without the slow comparison of the values
    is_common = pc.is_in(elements.values, value_set=id_column.values)
    return bool(np.asarray(is_common).sum() >= min_common)


def note_on_shared_table(list_feature: ColumnProposal, id_column: ColumnProfile) -> str:
    """Returns the note on a list that can use another feature's embedding table."""
    name, id_name = list_feature.column.name, id_column.name
    fix = f"write table: {id_name}"
    # The table's `min_count` is a key of the other feature.
    if "min_count" in (list_feature.keys or {}):
        fix += " in place of min_count"
    return (
        f"{name} holds values of {id_name}; to use the embeddings of {id_name} for "
        f"{name} too, {fix}"
    )
