"""Counts the values of features in all training rows, for the data report."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array, Table

# A smaller fraction of unseen values makes no drift, and is not looked for.
MIN_EXPECTED_UNSEEN = 0.001
COUNTED_ROWS = 100_000  # the number of rows that are read at once to count ids


def num_distinct(
    name: str,
    features: FeatureSet,
    train: Table,
    sampled: Table,
    earlier: Mapping[str, Any],
) -> int:
    """Returns the number of distinct values of a feature in the training rows.

    If the feature has no vocabulary, only the values of `sampled`, some of the training
    rows, are counted. Empty cells are not a value, unless the other cells hold only one
    value: such a column is not constant.
    """
    vocabulary_size = len(features.learnt_of_table_owner(name).get("vocabulary", []))
    is_dense = features.layout.blocks[name].input == "dense"
    # The vocabulary may hold values of other features, or of an earlier run.
    is_shared = features.shares_table(name)
    is_continued = features.by_name[name].table_owner(name) in earlier
    if vocabulary_size > 1 and not is_shared and not is_continued:
        return vocabulary_size
    if vocabulary_size and not is_dense:
        distinct = distinct_ids(name, features, train)
    else:
        values, rows = features.all_values(sampled.features, name)
        distinct = np.unique(values)
        if is_dense:
            return len(distinct)
        if len(np.unique(rows)) < sampled.num_rows:  # some lists are empty
            distinct = np.union1d(distinct, [0])
    # Id 0 stands for empty cells.
    return int(np.count_nonzero(distinct)) if len(distinct) > 2 else len(distinct)


def distinct_ids(name: str, features: FeatureSet, train: Table) -> Array:
    """Returns the distinct ids of a feature in all training rows, 0 for empty lists."""
    owner = features.by_name[name].table_owner(name)
    is_present = np.zeros(features.layout.tables[owner].size, bool)
    for chunk in chunks(train):
        ids, rows = features.all_values(chunk.features, name)
        is_present[ids] = True
        is_present[0] |= (np.bincount(rows, minlength=chunk.num_rows) == 0).any()
    return np.flatnonzero(is_present)


def chunks(table: Table) -> Iterator[Table]:
    """Yields the rows of a table in chunks of `COUNTED_ROWS` rows."""
    for start in range(0, table.num_rows, COUNTED_ROWS):
        yield table.read(start, start + COUNTED_ROWS)


def expected_unseen_fractions(
    features: FeatureSet, train: Table, earlier: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """Returns the fractions of unseen values to expect in rows like the training rows.

    Training rows hold no unseen value, because the vocabulary comes from these rows.
    But a value that occurs in one row only would be unseen without this row. So the
    fraction of these values in the training rows is the fraction of unseen values to
    expect in new rows. With `min_count: 3`, this holds for values that occur in exactly
    three rows.

    Returns: {feature that owns a vocabulary: fraction}; features with a fraction below
        `MIN_EXPECTED_UNSEEN` may be left out.
    """
    min_counts, counts = {}, {}
    for name, table in features.layout.tables.items():
        vocabulary = features.learnt[name].get("vocabulary", [])
        min_count = getattr(features.by_name[name], "min_count", 1)
        if len(vocabulary) * min_count >= MIN_EXPECTED_UNSEEN * train.num_rows:
            min_counts[name] = min_count
            counts[name] = np.zeros(table.size, "int64")
    if not counts:
        return {}
    for chunk in chunks(train):
        for name, feature in features.by_name.items():
            owner = feature.table_owner(name)
            if owner in counts and features.layout.blocks[name].input != "dense":
                ids, _ = features.all_values(chunk.features, name)
                np.add.at(counts[owner], ids, 1)
    fractions = {}
    for name, id_counts in counts.items():
        # Id 0 is no value, and values of an earlier run are never unseen. A plugin's
        # kind may have ids beyond those of its vocabulary.
        first_new_id = 1 + len(earlier.get(name, {}).get("vocabulary", []))
        last_id = len(features.learnt[name]["vocabulary"])
        new_counts = id_counts[first_new_id : last_id + 1]
        num_rarest = np.count_nonzero(new_counts == min_counts[name])
        fractions[name] = num_rarest * min_counts[name] / max(id_counts.sum(), 1)
    return fractions
