"""The data report: what each column and task holds."""

from typing import Any

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.findings import findings
from mtl_cli.data.profile import Profile
from mtl_cli.data.table import Array, StoredTable, Table, as_arrays, as_table
from mtl_cli.data.univariate_auc import auc_alone
from mtl_cli.features.encoder import FeatureEncoder
from mtl_cli.features.schema import (
    Bucketized,
    Dense,
    Feature,
    PiecewiseLinear,
    Sequence,
    columns_of,
    owner_of,
)
from mtl_cli.tasks.base import Output

SAMPLED_ROWS = 100_000
SAMPLED_BLOCKS = 50
DRIFT_VALUES = 20
FEWEST_ROWS = 100  # fewer tell nothing about shares and drift

Report = dict[str, Any]


def describe(
    dataset: Dataset,
    outputs: list[Output],
    encoder: FeatureEncoder,
    profile: Profile,
    splits: dict[str, StoredTable],
) -> Report:
    """Returns the data report as JSON values.

    Args:
        dataset: that was read.
        outputs: of the model.
        encoder: fitted.
        profile: of the raw rows.
        splits: encoded.

    Raises:
        DataError: if a feature is a copy of a label.
    """
    samples = {split: sample(table) for split, table in splits.items()}
    rows = {split: table.rows for split, table in splits.items()}
    features = {}
    places: dict[str, int] = {}
    for name, feature in dataset.used_features.items():
        found = columns_in(name, feature, encoder, samples, places)
        features[name] = {
            "kind": feature.kind,
            "missing": profile.missing(columns_of(name, feature)),
            "distinct": distinct(name, feature, encoder, found["train"]),
            "unseen": profile.unseen(name, rows),
            "drift": {
                split: drift(found["train"], x)
                for split, x in found.items()
                if split != "train"
            },
            "auc": single_aucs(
                name, feature, outputs, samples["train"], found["train"]
            ),
        }
    report = {
        "splits": rows,
        "sampled_rows": {split: table.rows for split, table in samples.items()},
        "tasks": profile.counts,
        "features": features,
        "repeated_rows": profile.repeated(),
        "rows_without_group": profile.without_group,
    }
    return report | {"findings": findings(report)}


def sample(table: StoredTable) -> Table:
    """Returns rows from all over a table, all of them if they are few."""
    if table.rows <= SAMPLED_ROWS:
        return table.read(0, table.rows)
    size = SAMPLED_ROWS // SAMPLED_BLOCKS
    starts = np.linspace(0, table.rows - size, SAMPLED_BLOCKS).astype("int64")
    parts = [as_arrays(table.read(start, start + size)) for start in starts.tolist()]
    return as_table({n: np.concatenate([p[n] for p in parts]) for n in parts[0]})


def columns_in(
    name: str,
    feature: Feature,
    encoder: FeatureEncoder,
    samples: dict[str, Table],
    places: dict[str, int],
) -> dict[str, Array]:
    """Returns a feature's encoded column in each split, (rows,).

    Args:
        name: of the feature.
        feature: itself.
        encoder: that encoded it.
        samples: rows by split.
        places: by input of the network, the columns before; moved on.
    """
    kind, width = "ids", 1
    if isinstance(feature, Sequence):
        kind, width = "sequences", feature.max_length
    elif isinstance(feature, PiecewiseLinear):
        kind, width = "dense", len(encoder.statistics[name]["cuts"]) + 1
    elif isinstance(feature, Dense):
        kind = "dense"
    first = places.get(kind, 0)
    places[kind] = first + width
    found = {s: t.features[kind][:, first : first + width] for s, t in samples.items()}
    if isinstance(feature, PiecewiseLinear):
        return {split: x.sum(axis=1) for split, x in found.items()}
    # Of a sequence, the first value stands for all.
    return {split: x[:, 0] for split, x in found.items()}


def distinct(name: str, feature: Feature, encoder: FeatureEncoder, x: Array) -> int:
    """Returns how many values a feature has in the training rows, once encoded.

    In all of them if it has a vocabulary of its own, else in the sample x, (rows,).
    """
    owner = owner_of(name, feature)
    known = len(encoder.statistics[owner].get("vocabulary", []))
    shared = sum(owner_of(n, f) == owner for n, f in encoder.features.items()) > 1
    # A shared table has the values of other features too; one value and empty cells
    # are two; and of a sequence x is the first value only.
    if known > 1 and (not shared or isinstance(feature, Sequence)):
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
    name: str, feature: Feature, outputs: list[Output], train: Table, x: Array
) -> dict[str, float]:
    """Returns the AUC that a feature alone reaches, by binary task.

    Raises:
        DataError: if the feature is a copy of a label, under other names or not.
    """
    found = {}
    for output in outputs:
        if output.added:
            continue
        counts = train.weights[output.name] > 0
        y, values = train.labels[output.label][counts], x[counts]
        refuse_copy(name, output, y, values)
        if output.kind != "binary" or len(y) < FEWEST_ROWS:
            continue
        distinct, codes = np.unique(values, return_inverse=True)
        ordered = isinstance(feature, Bucketized | Dense | PiecewiseLinear)
        reached = auc_alone(y, codes, distinct if ordered else None)
        if reached is not None:
            found[output.name] = reached
    return found


def refuse_copy(name: str, output: Output, y: Array, values: Array) -> None:
    """Refuses a feature whose values are those of a label, under other names or not."""
    if len(y) < FEWEST_ROWS:
        return
    some = 10 * FEWEST_ROWS  # which are enough to see that most features are none
    if not one_to_one(output.kind, y[:some], values[:some]):
        return
    found = one_to_one(output.kind, y, values)
    if found < 2 or (output.kind != "regression" and 2 * found > len(y)):
        return
    raise DataError(
        f"dataset.features.{name}: its {found:,} values are those of the label of task "
        f"{output.name} in all {len(y):,} rows looked at, so the model would see the "
        "answer; remove it from the features"
    )


def one_to_one(kind: str, y: Array, values: Array) -> int:
    """Returns how many labels there are if each has a value of its own, else 0.

    Those of a regression must have the values' order too, or the reverse: each row may
    have a label of its own, as it has an id.

    Args:
        kind: of the task.
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
    same = len(pairs) == len(labels) and (ordered or kind != "regression")
    return len(labels) if same else 0
