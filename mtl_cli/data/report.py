"""The data report: what each feature and each task holds."""

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
FEWEST_ROWS = 100  # fewer rows say nothing about shares and drift

Report = dict[str, Any]


def describe(
    outputs: list[Output],
    features: FeatureSet,
    profile: Profile,
    splits: dict[str, StoredTable],
) -> Report:
    """Returns the data report as JSON values.

    Args:
        outputs: the model's outputs.
        features: fitted.
        profile: counts over the raw rows.
        splits: the encoded rows of each split.

    Raises:
        DataError: if a feature's values correspond one to one to a label.
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

    Args:
        name: the feature's name.
        features: fitted.
        x: the feature's column of the sampled training rows, (rows,).
    """
    known = len(features.table_learnt(name).get("vocabulary", []))
    is_sequence = features.layout.blocks[name].input == "sequences"
    # The vocabulary of a shared table holds the values of other features too. The
    # sample holds only the first value of a sequence. A vocabulary of one value and
    # empty cells are two values.
    if known > 1 and (is_sequence or not features.shares_table(name)):
        return known
    return len(np.unique(x))


def drift(train: Array, other: Array) -> float:
    """Returns the population stability index of a column between two splits.

    The index compares the shares of ten buckets of numbers, or the shares of the most
    frequent ids and of all other ids together.
    """
    if min(len(train), len(other)) < FEWEST_ROWS:
        return 0.0
    columns = (train, other)
    if np.issubdtype(train.dtype, np.floating):
        edges = np.unique(np.quantile(train, np.linspace(0, 1, 11)[1:-1]))
        codes = [np.searchsorted(edges, x, side="right") for x in columns]
        size = len(edges) + 1
    else:
        ids, counts = np.unique(train, return_counts=True)
        top = np.sort(ids[np.argsort(-counts, kind="stable")[:DRIFT_VALUES]])
        codes = [
            np.where(np.isin(x, top), np.searchsorted(top, x), len(top))
            for x in columns
        ]
        size = len(top) + 1
    p, q = (
        (np.bincount(x, minlength=size) + 0.5) / (len(x) + 0.5 * size) for x in codes
    )
    return float(((p - q) * np.log(p / q)).sum())


def single_aucs(
    name: str, ordered: bool, outputs: list[Output], train: Table, x: Array
) -> dict[str, float]:
    """Returns the AUC that a feature alone reaches, by binary task.

    Args:
        name: the feature's name.
        ordered: whether the feature's values have an order.
        outputs: the model's outputs.
        train: the sampled training rows.
        x: the feature's column of these rows, (rows,).

    Raises:
        DataError: if the feature's values correspond one to one to a label.
    """
    aucs: dict[str, float] = {}
    for output in outputs:
        if output.added_by_heads:
            continue
        labelled = train.weights[output.name] > 0
        y, values = train.labels[output.label][labelled], x[labelled]
        if len(y) < FEWEST_ROWS:
            continue
        refuse_copy(name, output, y, values)
        if output.task.BINARY_LABELS:
            distinct, codes = np.unique(values, return_inverse=True)
            auc = univariate_auc(y, codes, distinct if ordered else None)
            aucs |= {} if auc is None else {output.name: auc}
    return aucs


def refuse_copy(name: str, output: Output, y: Array, values: Array) -> None:
    """Refuses a feature whose values correspond one to one to a label's values."""
    first_rows = 10 * FEWEST_ROWS  # enough to see that most features are no copies
    if not num_pairs(output.task.HAS_CLASSES, y[:first_rows], values[:first_rows]):
        return
    pairs = num_pairs(output.task.HAS_CLASSES, y, values)
    if pairs < 2 or (output.task.HAS_CLASSES and 2 * pairs > len(y)):
        return
    raise DataError(
        f"dataset.features.{name}: its {pairs:,} values are those of the label of task "
        f"{output.name} in all {len(y):,} rows looked at, so the model would see the "
        "answer; remove it from the features"
    )


def num_pairs(has_classes: bool, y: Array, values: Array) -> int:
    """Returns the number of labels if labels and values correspond one to one, else 0.

    Labels that are numbers must have the values' order too, or the reverse order: each
    row may have a label of its own, as each row has an id of its own.

    Args:
        has_classes: whether the labels are classes, not numbers.
        y: labels, (rows,).
        values: of a feature, (rows,).
    """
    labels, label_codes = np.unique(y, return_inverse=True)
    distinct, codes = np.unique(values, return_inverse=True)
    if len(labels) != len(distinct):
        return 0
    pairs = np.unique(codes * len(labels) + label_codes)
    steps = np.diff(pairs % len(labels))
    ordered = bool((steps > 0).all() or (steps < 0).all())
    same = len(pairs) == len(labels) and (ordered or has_classes)
    return len(labels) if same else 0
