"""Groups features that hold the same information, to shuffle them together.

If two features are copies of each other, shuffling one of them hardly changes the
predictions, because the model still reads the other feature. So both features would
seem unimportant.
"""

import math
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.sources import OnProgress, no_progress
from mtl_cli.data.table import Array
from mtl_cli.metrics.amounts import mid_ranks

if TYPE_CHECKING:
    from mtl_cli.features.base import Feature

MAX_ROWS = 10_000  # the number of rows on which features are compared
# Goodman and Kruskal's lambda needs this many rows whose value occurs more than once.
MIN_REPEATED = 100
# The smallest rank correlation, or lambda, of two features that count as copies.
MIN_SIMILARITY = 0.98
# Two features are compared on the rows in which neither is empty, if at least this
# fraction of the rows is left. Otherwise they are compared on all rows.
MIN_FILLED = 0.8
# Copies have about equally many distinct values. To save time, lambda is only computed
# if the ratio of the numbers of distinct values lies between these limits.
MIN_RATIO = 0.9
MAX_RATIO = 1.12
NAME_SEPARATOR = " + "
PAIRS_PER_CALL = 1000  # `on_compared` is called after this many pairs of features


class FeatureGroup(NamedTuple):
    """Features that are shuffled together.

    Attributes:
        features: the names of the features.
        reasons: why the features belong together, one text per pair of features; empty
            for a single feature.
    """

    features: list[str]
    reasons: list[str]

    @property
    def has_several(self) -> bool:
        """Whether the group has more than one feature."""
        return len(self.features) > 1

    @property
    def name(self) -> str:
        """The names of the features: `city + town`."""
        return NAME_SEPARATOR.join(self.features)


def feature_groups(
    features: FeatureSet,
    encoded: dict[str, Array],
    on_compared: OnProgress = no_progress,
) -> list[FeatureGroup]:
    """Groups features that share a column or an embedding table, or are copies.

    Each feature is in one group. If a is linked with b, and b with c, all three are in
    one group.

    Args:
        features: the features of the data set.
        encoded: encoded rows, {input of the network: (rows, width)}.
        on_compared: a function that is called with the number of pairs of features that
            are compared, and the number of all pairs.
    """
    names = list(features.by_name)
    shared = find_shared_inputs(features)
    reason_by_pair = shared | find_copies(features, encoded, on_compared)
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
    features: FeatureSet, encoded: dict[str, Array], on_compared: OnProgress
) -> dict[tuple[str, str], str]:
    """Finds the pairs of features that are nearly copies of each other.

    Two numeric features are copies if their ranks are almost perfectly correlated. Two
    other features are copies if the value of each predicts the value of the other in
    almost all rows. Rows with an empty cell do not count, see `MIN_FILLED`.

    Returns: {names of the two features: how similar they are}.
    """
    compared = {
        name: make_comparable(
            feature,
            features.encoded_block(encoded, name)[:MAX_ROWS],
            encoded_empty_cell(features, name),
        )
        for name, feature in features.by_name.items()
    }
    pairs = {}
    num_pairs = math.comb(len(compared), 2)
    for num_compared, (a, b) in enumerate(combinations(compared, 2), 1):
        if num_compared % PAIRS_PER_CALL == 0:
            on_compared(num_compared, num_pairs)
        similarity = copy_similarity(compared[a], compared[b])
        if similarity is not None:
            pairs[a, b] = f"nearly copies ({similarity})"
    return pairs


def encoded_empty_cell(features: FeatureSet, name: str) -> Array | None:
    """Returns the values that a feature gives an empty cell, (columns,).

    Returns None if the feature refuses empty cells.
    """
    feature, only_feature = features.by_name[name], features.only(name)
    cell_type = pa.float64() if feature.numeric else pa.null()
    columns = feature.source_columns(name)
    empty_row = pa.table({column: pa.nulls(1, cell_type) for column in columns})
    try:
        encoded = only_feature.encode(empty_row)
    except DataError:
        return None
    encoded_cell: Array = only_feature.encoded_block(encoded, name)[0]
    return encoded_cell


class ComparableFeature(NamedTuple):
    """The values of a feature, in the form in which `find_copies` compares them.

    Attributes:
        codes: whole numbers from 0, (rows,). Rows with equal values have equal codes.
        num_distinct: the number of distinct values, without the value of empty cells.
        is_filled: whether the cell is not empty, (rows,). A value that is encoded like
            an empty cell, such as an unseen value, counts as empty too.
        ranks: the ranks of the values, with mean 0 and deviation 1, (rows,); None for a
            feature that is not numeric.
    """

    codes: Array
    num_distinct: int
    is_filled: Array
    ranks: Array | None


def make_comparable(
    feature: "Feature", columns: Array, empty_cell: Array | None
) -> ComparableFeature:
    """Prepares a feature for `find_copies`.

    Args:
        feature: the feature.
        columns: the encoded rows, (rows, columns).
        empty_cell: see `encoded_empty_cell`.
    """
    distinct, codes = np.unique(columns, axis=0, return_inverse=True)
    codes = codes.reshape(-1)
    is_value = np.ones(len(distinct), bool)
    if empty_cell is not None:
        is_value = (distinct != empty_cell).any(axis=1)
    summary = feature.summary(columns)  # one number per row
    ranks = None
    if feature.numeric and np.issubdtype(summary.dtype, np.floating):
        # Ties have the mean rank.
        ranks = standardised(mid_ranks(summary, np.ones(len(summary))))
    num_distinct = max(1, int(is_value.sum()))
    return ComparableFeature(codes, num_distinct, is_value[codes], ranks)


def copy_similarity(a: ComparableFeature, b: ComparableFeature) -> str | None:
    """Returns how similar two features are, as text; None if they are not copies."""
    are_numeric = a.ranks is not None and b.ranks is not None
    ratio = a.num_distinct / b.num_distinct
    # The ratio is checked first, because this does not read the rows.
    if not are_numeric and not MIN_RATIO <= ratio <= MAX_RATIO:
        return None
    are_filled = a.is_filled & b.is_filled
    leaves_rows_out = MIN_FILLED <= are_filled.mean() < 1
    rows = are_filled if leaves_rows_out else slice(None)
    if a.ranks is not None and b.ranks is not None:
        x, y = a.ranks, b.ranks
        if leaves_rows_out:
            x, y = standardised(x[rows]), standardised(y[rows])
        correlation = abs(float(np.mean(x * y)))
        is_copy = correlation >= MIN_SIMILARITY
        return f"rank correlation {correlation:.3f}" if is_copy else None
    weaker_lambda = min(
        goodman_kruskal_lambda(a.codes[rows], b.codes[rows]),
        goodman_kruskal_lambda(b.codes[rows], a.codes[rows]),
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

    x and y are the codes of two features, whole numbers from 0, (rows,).

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
