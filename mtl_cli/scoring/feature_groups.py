"""Groups features that hold the same information, to shuffle them together.

If two features are copies of each other, shuffling one of them hardly changes the
predictions, because the model still reads the other feature. So both features would
seem unimportant.
"""

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array
from mtl_cli.metrics.amounts import mid_ranks

if TYPE_CHECKING:
    from mtl_cli.features.base import Feature

MAX_ROWS = 10_000  # the number of rows on which features are compared
# Goodman and Kruskal's lambda needs this many rows whose value occurs more than once.
MIN_REPEATED = 100
# The smallest rank correlation, or lambda, of two features that count as copies.
MIN_SIMILARITY = 0.98
# Copies have about equally many distinct values. To save time, lambda is only computed
# if the ratio of the numbers of distinct values lies between these limits.
MIN_RATIO = 0.9
MAX_RATIO = 1.12
NAME_SEPARATOR = " + "


class FeatureGroup(NamedTuple):
    """Features that are shuffled together.

    `reasons` says why the features belong together, one text per pair of features.
    """

    features: list[str]
    reasons: list[str]

    @property
    def has_several(self) -> bool:
        return len(self.features) > 1

    @property
    def name(self) -> str:
        return NAME_SEPARATOR.join(self.features)


def feature_groups(
    features: FeatureSet, encoded: dict[str, Array]
) -> list[FeatureGroup]:
    """Groups features that share a column or an embedding table, or are copies.

    Each feature is in one group. If a is linked with b, and b with c, all three are in
    one group. `encoded` is {input of the network: (rows, width)}.
    """
    names = list(features.by_name)
    reason_by_pair = find_shared_inputs(features) | find_copies(features, encoded)
    groups: list[set[str]] = [{name} for name in names]
    for pair in reason_by_pair:
        # If the two features are in different groups, these become one group.
        linked = [group for group in groups if not group.isdisjoint(pair)]
        groups = [group for group in groups if group not in linked]
        groups.append(set().union(*linked))
    return [
        FeatureGroup(
            sorted(group, key=names.index),
            [f"{a}, {b}: {x}" for (a, b), x in reason_by_pair.items() if a in group],
        )
        for group in sorted(groups, key=lambda group: min(map(names.index, group)))
    ]


def find_shared_inputs(features: FeatureSet) -> dict[tuple[str, str], str]:
    """Finds the pairs of features that share a column or an embedding table.

    Returns: {names of the two features: what they share}.
    """
    pairs = {}
    for (a, first), (b, second) in combinations(features.by_name.items(), 2):
        columns = set(first.source_columns(a)) & set(second.source_columns(b))
        if columns:
            pairs[a, b] = f"both read the column {min(columns)}"
        elif first.table_owner(a) == second.table_owner(b):
            pairs[a, b] = "both use the same embedding table"
    return pairs


def find_copies(
    features: FeatureSet, encoded: dict[str, Array]
) -> dict[tuple[str, str], str]:
    """Finds the pairs of features that are nearly copies of each other.

    Two numeric features are copies if their ranks are almost perfectly correlated. Two
    other features are copies if the value of each predicts the value of the other in
    almost all rows.

    Returns: {names of the two features: how similar they are}.
    """
    compared = {
        name: make_comparable(feature, features.encoded_block(encoded, name)[:MAX_ROWS])
        for name, feature in features.by_name.items()
    }
    pairs = {}
    for a, b in combinations(compared, 2):
        similarity = copy_similarity(compared[a], compared[b])
        if similarity is not None:
            pairs[a, b] = f"nearly copies ({similarity})"
    return pairs


class ComparableFeature(NamedTuple):
    """The values of a feature, in the form in which `find_copies` compares them.

    Attributes:
        codes: whole numbers from 0, (rows,). Rows with equal values have equal codes.
        num_distinct: the number of distinct values.
        ranks: the ranks of the values, with mean 0 and deviation 1, (rows,); None for a
            feature that is not numeric.
    """

    codes: Array
    num_distinct: int
    ranks: Array | None


def make_comparable(feature: "Feature", columns: Array) -> ComparableFeature:
    """Prepares a feature for `find_copies`; `columns` are the encoded rows."""
    distinct, codes = np.unique(columns, axis=0, return_inverse=True)
    summary = feature.summary(columns)  # one number per row
    ranks = None
    if feature.numeric and np.issubdtype(summary.dtype, np.floating):
        # Ties have the mean rank.
        ranks = standardised(mid_ranks(summary, np.ones(len(summary))))
    return ComparableFeature(codes.reshape(-1), len(distinct), ranks)


def copy_similarity(a: ComparableFeature, b: ComparableFeature) -> str | None:
    """Returns how similar two features are, as text; None if they are not copies."""
    if a.ranks is not None and b.ranks is not None:
        correlation = abs(float(np.mean(a.ranks * b.ranks)))
        is_copy = correlation >= MIN_SIMILARITY
        return f"rank correlation {correlation:.3f}" if is_copy else None
    # The ratio is checked first, because this does not read the rows.
    if not MIN_RATIO <= a.num_distinct / b.num_distinct <= MAX_RATIO:
        return None
    weaker_lambda = min(
        goodman_kruskal_lambda(a.codes, b.codes),
        goodman_kruskal_lambda(b.codes, a.codes),
    )
    is_copy = weaker_lambda >= MIN_SIMILARITY
    return f"Goodman-Kruskal lambda {weaker_lambda:.3f}" if is_copy else None


def standardised(x: Array) -> Array:
    """Returns numbers with mean 0 and deviation 1; zeros if all are equal."""
    deviation = x.std() or 1  # 1 replaces 0
    scaled: Array = (x - x.mean()) / deviation
    return scaled


def goodman_kruskal_lambda(x: Array, y: Array) -> float:
    """Returns how well x predicts y: 1 if always correctly, 0 if x does not help.

    Lambda = (wrong guesses without x - wrong guesses with x) / wrong guesses without x.
    Without x, the guess is the most frequent y of all rows. With x, the guess is the
    most frequent y among the rows with the same x. Rows whose x occurs only once are
    left out, because the x of such a row would always predict the y of the row.
    """
    is_repeated = np.bincount(x)[x] > 1
    x, y = x[is_repeated], y[is_repeated]
    if len(x) < MIN_REPEATED:
        return 0.0
    num_y = int(y.max()) + 1
    pairs, counts = np.unique(x * num_y + y, return_counts=True)
    correct_by_x = np.zeros(x.max() + 1)  # correct guesses among the rows with each x
    np.maximum.at(correct_by_x, pairs // num_y, counts)
    wrong_with_x = len(x) - correct_by_x.sum()
    wrong_without_x = len(x) - int(np.bincount(y).max())
    return 0.0 if wrong_without_x == 0 else float(1 - wrong_with_x / wrong_without_x)
