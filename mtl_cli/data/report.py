"""The data report: what each column and task holds."""

from typing import Any

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.findings import findings
from mtl_cli.data.profile import Profile
from mtl_cli.data.table import Array, StoredTable, Table, as_arrays, as_table
from mtl_cli.data.univariate_auc import univariate_auc
from mtl_cli.heads.base import Output

SAMPLED_ROWS = 100_000
SAMPLED_BLOCKS = 50
DRIFT_VALUES = 20
FEWEST_ROWS = 100  # fewer tell nothing about shares and drift

Report = dict[str, Any]


def describe(
    outputs: list[Output],
    features: FeatureSet,
    profile: Profile,
    splits: dict[str, StoredTable],
) -> Report:
    """Returns the data report as JSON values.

    Args:
        outputs: of the model.
        features: fitted.
        profile: of the raw rows.
        splits: encoded.

    Raises:
        DataError: if a feature is a copy of a label.
    """
    samples = {split: sample(table) for split, table in splits.items()}
    rows = {split: table.rows for split, table in splits.items()}
    described = {}
    for name, feature in features.features.items():
        columns = {
            split: feature.summary(features.columns_in(table.features, name))
            for split, table in samples.items()
        }
        train = columns.pop("train")
        described[name] = {
            "kind": feature.kind,
            "missing": profile.missing(feature.source_columns(name)),
            "distinct": distinct(name, features, train),
            "unseen": profile.unseen(name, rows),
            "drift": {split: drift(train, x) for split, x in columns.items()},
            "auc": single_aucs(name, feature.numeric, outputs, samples["train"], train),
        }
    report = {
        "splits": rows,
        "sampled_rows": {split: table.rows for split, table in samples.items()},
        "tasks": profile.label_counts,
        "features": described,
        "repeated_rows": profile.repeated(),
        "rows_without_group": profile.without_group,
    }
    return report | {"findings": findings(report, features.features)}


def sample(table: StoredTable) -> Table:
    """Returns rows from all over a table, all of them if they are few."""
    if table.rows <= SAMPLED_ROWS:
        return table.read(0, table.rows)
    size = SAMPLED_ROWS // SAMPLED_BLOCKS
    starts = np.linspace(0, table.rows - size, SAMPLED_BLOCKS).astype("int64")
    parts = [as_arrays(table.read(start, start + size)) for start in starts.tolist()]
    return as_table({n: np.concatenate([p[n] for p in parts]) for n in parts[0]})


def distinct(name: str, features: FeatureSet, x: Array) -> int:
    """Returns how many values a feature has in the training rows, once encoded.

    A feature with a vocabulary that counts its own values alone is counted in all
    training rows, every other feature in the sample x, (rows,).
    """
    learnt = features.table_learnt(name)
    known = len(learnt.get("vocabulary", []))
    sequence = features.layout.blocks[name].input == "sequences"
    # The vocabulary of a shared table holds the values of other features too. Of a
    # sequence the sample holds the first value only. A vocabulary of one value and
    # empty cells are two values.
    if known > 1 and (not features.shares_table(name) or sequence):
        return known
    return len(np.unique(x))


def drift(train: Array, other: Array) -> float:
    """Returns the population stability index of a column between two splits.

    Over its most frequent values and all others together, or ten buckets.
    """
    if min(len(train), len(other)) < FEWEST_ROWS:
        return 0.0
    if np.issubdtype(train.dtype, np.floating):
        edges = np.unique(np.quantile(train, np.linspace(0, 1, 11)[1:-1]))
        places = [np.searchsorted(edges, x, side="right") for x in (train, other)]
        size = len(edges) + 1
    else:
        values, seen = np.unique(train, return_counts=True)
        top = np.sort(values[np.argsort(-seen, kind="stable")[:DRIFT_VALUES]])
        places = [
            np.where(np.isin(x, top), np.searchsorted(top, x), len(top))
            for x in (train, other)
        ]
        size = len(top) + 1
    p, q = (
        (np.bincount(x, minlength=size) + 0.5) / (len(x) + 0.5 * size) for x in places
    )
    return float(((p - q) * np.log(p / q)).sum())


def single_aucs(
    name: str, ordered: bool, outputs: list[Output], train: Table, x: Array
) -> dict[str, float]:
    """Returns the AUC that a feature alone reaches, by binary task.

    Args:
        name: of the feature.
        ordered: whether the feature's values have an order.
        outputs: of the model.
        train: the sampled training rows.
        x: the feature's column of these rows, (rows,).

    Raises:
        DataError: if the feature is a copy of a label, under other names or not.
    """
    found = {}
    for output in outputs:
        if output.added_by_heads:
            continue
        counts = train.weights[output.name] > 0
        y, values = train.labels[output.label][counts], x[counts]
        refuse_copy(name, output, y, values)
        if not output.task.BINARY_LABELS or len(y) < FEWEST_ROWS:
            continue
        distinct, codes = np.unique(values, return_inverse=True)
        reached = univariate_auc(y, codes, distinct if ordered else None)
        if reached is not None:
            found[output.name] = reached
    return found


def refuse_copy(name: str, output: Output, y: Array, values: Array) -> None:
    """Refuses a feature whose values are those of a label, under other names or not."""
    if len(y) < FEWEST_ROWS:
        return
    some = 10 * FEWEST_ROWS  # which are enough to see that most features are none
    if not one_to_one(output.task.HAS_CLASSES, y[:some], values[:some]):
        return
    found = one_to_one(output.task.HAS_CLASSES, y, values)
    if found < 2 or (output.task.HAS_CLASSES and 2 * found > len(y)):
        return
    raise DataError(
        f"dataset.features.{name}: its {found:,} values are those of the label of task "
        f"{output.name} in all {len(y):,} rows looked at, so the model would see the "
        "answer; remove it from the features"
    )


def one_to_one(has_classes: bool, y: Array, values: Array) -> int:
    """Returns how many labels there are if each has a value of its own, else 0.

    Those of a regression must have the values' order too, or the reverse: each row may
    have a label of its own, as it has an id.

    Args:
        has_classes: whether the labels are classes.
        y: labels, (rows,).
        values: of a feature, (rows,).
    """
    labels, places = np.unique(y, return_inverse=True)
    distinct, codes = np.unique(values, return_inverse=True)
    if len(labels) != len(distinct):
        return 0
    pairs = np.unique(codes * len(labels) + places)
    steps = np.diff(pairs % len(labels))
    ordered = bool((steps > 0).all() or (steps < 0).all())
    same = len(pairs) == len(labels) and (ordered or has_classes)
    return len(labels) if same else 0
