"""Groups of features that hold the same information, to permute them together."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array

MAX_ROWS = 10_000  # that are looked at for copies
MIN_REPEATED = 100  # rows with a value that other rows have too
# From this rank correlation, or this lambda, two features count as copies.
COPY = 0.98
NAME_SEPARATOR = " + "


@dataclass(frozen=True)
class FeatureGroup:
    """Features that are permuted together.

    Attributes:
        features: the names of the features.
        reasons: why they belong together, one text per pair; empty for one feature.
    """

    features: list[str]
    reasons: list[str]

    @property
    def name(self) -> str:
        """The names of the features, as importance shows them."""
        return NAME_SEPARATOR.join(self.features)


def feature_groups(
    features: FeatureSet, encoded: dict[str, Array]
) -> list[FeatureGroup]:
    """Groups features that share a column or an embedding table, or are copies.

    Args:
        features: the fitted features.
        encoded: encoded rows, {input of the network: (rows, width)}.
    """
    names = list(features.features)
    group_of = {name: [name] for name in names}
    reasons: list[tuple[str, str]] = []  # a feature of the group, and the reason
    links = shared(features) | copies(features, encoded)
    for (a, b), reason in links.items():
        if group_of[a] is not group_of[b]:
            group_of[a].extend(group_of[b])
            for name in group_of[b]:
                group_of[name] = group_of[a]
        reasons.append((a, f"{a}, {b}: {reason}"))
    groups = {id(group): group for group in group_of.values()}
    return [
        FeatureGroup(
            sorted(group, key=names.index),
            [reason for name, reason in reasons if name in group],
        )
        for group in groups.values()
    ]


def shared(features: FeatureSet) -> dict[tuple[str, str], str]:
    """Returns the pairs of features that share a column or an embedding table."""
    pairs = {}
    for (a, first), (b, second) in combinations(features.features.items(), 2):
        columns = set(first.source_columns(a)) & set(second.source_columns(b))
        if columns:
            pairs[a, b] = f"both read the column {min(columns)}"
        elif first.table_owner(a) == second.table_owner(b):
            pairs[a, b] = "both use the same embedding table"
    return pairs


def copies(
    features: FeatureSet, encoded: dict[str, Array]
) -> dict[tuple[str, str], str]:
    """Returns the pairs of features that are nearly copies of each other.

    Numbers are copies if the rank of one follows from the rank of the other. Other
    features are copies if the value of each nearly always follows from the other's
    value.
    """
    rows = min(MAX_ROWS, len(next(iter(encoded.values()))))
    numbers, codes = {}, {}
    for name, feature in features.features.items():
        block = features.columns_in(encoded, name)[:rows]
        summary = feature.summary(block)
        if feature.numeric and np.issubdtype(summary.dtype, np.floating):
            numbers[name] = ranks(summary)
        codes[name] = row_codes(block)
    distinct = {name: code.max() + 1 for name, code in codes.items()}
    pairs = {}
    for a, b in combinations(features.features, 2):
        if a in numbers and b in numbers:
            correlation = abs(float(np.mean(numbers[a] * numbers[b])))
            if correlation >= COPY:
                pairs[a, b] = f"nearly copies (rank correlation {correlation:.3f})"
        elif 0.9 <= distinct[a] / distinct[b] <= 1.12:
            share = min(
                goodman_kruskal_lambda(codes[a], codes[b]),
                goodman_kruskal_lambda(codes[b], codes[a]),
            )
            if share >= COPY:
                pairs[a, b] = f"nearly copies ({share:.1%} of the values follow)"
    return pairs


def ranks(values: Array) -> Array:
    """Returns the ranks of numbers with mean 0 and deviation 1; zeros if all equal."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    deviation = rank.std()
    centred: Array = (rank - rank.mean()) / (deviation if deviation else 1)
    return centred


def row_codes(block: Array) -> Array:
    """Returns a whole number for each distinct row of (rows, width), (rows,)."""
    _, codes = np.unique(block, axis=0, return_inverse=True)
    return codes.reshape(-1)


def goodman_kruskal_lambda(x: Array, y: Array) -> float:
    """Returns how well x predicts y: 1 if always, 0 if x does not help.

    The measure is the share of wrong guesses of y that knowing x avoids. Rows whose x
    occurs only once are left out: each of them would predict its own y.

    Args:
        x: whole numbers from 0, (rows,).
        y: whole numbers from 0, (rows,).
    """
    is_repeated = np.bincount(x)[x] > 1
    x, y = x[is_repeated], y[is_repeated]
    if len(x) < MIN_REPEATED:
        return 0.0
    most_frequent = int(np.bincount(y).max())
    pairs, counts = np.unique(np.stack([x, y]), axis=1, return_counts=True)
    best = np.zeros(x.max() + 1)
    np.maximum.at(best, pairs[0], counts)
    wrong, wrong_before = len(x) - best.sum(), len(x) - most_frequent
    return 0.0 if wrong_before == 0 else float(1 - wrong / wrong_before)
