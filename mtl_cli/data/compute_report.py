"""Computes the data report."""

from collections.abc import Container

import numpy as np

from mtl_cli.data.buckets import (
    Buckets,
    bucket_counts,
    drift_from,
    increase_of_unseen_ids,
    make_buckets,
)
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.findings import findings
from mtl_cli.data.profile import Profile
from mtl_cli.data.report import FeatureReport, Report
from mtl_cli.data.table import Array, StoredTable, Table, concatenate
from mtl_cli.data.univariate_auc import feature_aucs
from mtl_cli.heads.base import Output

# If a split has more than `SAMPLED_ROWS` rows, the report reads only about this number
# of its rows, in `SAMPLED_BLOCKS` blocks.
SAMPLED_ROWS = 100_000
SAMPLED_BLOCKS = 50
MIN_ROWS = 100  # fewer rows give no reliable drift


def data_report(
    outputs: list[Output],
    features: FeatureSet,
    profile: Profile,
    splits: dict[str, StoredTable],
    continued: Container[str],
) -> Report:
    """Returns the data report.

    `splits` is {split: its encoded rows}. `continued` are the features that go on from
    an earlier run: their vocabulary may hold values that no training row has.
    """
    samples = {split: sample(table) for split, table in splits.items()}
    report: Report = {
        "splits": {split: table.num_rows for split, table in splits.items()},
        "sampled_rows": {split: table.num_rows for split, table in samples.items()},
        "tasks": {
            output.name: {
                split: label_counts(output, table) for split, table in splits.items()
            }
            for output in outputs
        },
        "features": {
            name: feature_report(
                name, features, outputs, profile, samples, name in continued
            )
            for name in features.by_name
        },
        "repeated_rows": profile.repeated_fractions(),
        "findings": [],
    }
    report["findings"] = findings(report, features.by_name)
    return report


def label_counts(output: Output, table: Table) -> dict[str, int]:
    """Counts the rows with a weight for an output, see `tasks` in `Report`."""
    weights = table.weights[output.name]
    is_counted = weights > 0
    counts = {"rows": int(is_counted.sum())}
    if output.task.BINARY_LABELS:
        is_positive = table.labels[output.label] == 1
        counts["positives"] = int((is_counted & is_positive).sum())
        if output.name in table.population:
            is_negative = is_counted & ~is_positive
            population = table.population[output.name][is_negative]
            unsampled = (population / weights[is_negative]).sum(dtype="float64")
            # Tiny rates make the sum infinite, and no whole number is infinite.
            counts["unsampled_negatives"] = round(min(unsampled, 2**63))
    return counts


def feature_report(
    name: str,
    features: FeatureSet,
    outputs: list[Output],
    profile: Profile,
    samples: dict[str, Table],
    is_continued: bool,
) -> FeatureReport:
    """Returns the part of the report about one feature, see `data_report`.

    `samples` is {split: some of its rows}.
    """
    train = samples["train"]
    buckets = make_buckets(*values_and_weights(name, features, train))
    unseen = profile.unseen_fractions(name, samples)
    return {
        "kind": features.by_name[name].kind,
        "missing": profile.missing_fractions(name, samples),
        "distinct": num_distinct(name, features, train, is_continued),
        "unseen": unseen,
        "buckets": buckets,
        "drift": feature_drifts(name, features, buckets, samples, unseen),
        "auc": feature_aucs(name, features, outputs, train),
    }


def values_and_weights(
    name: str, features: FeatureSet, rows: Table
) -> tuple[Array, Array | None]:
    """Returns a feature's values, and the weight of each value, (values,).

    An empty list counts as one value with id 0, as an empty cell does.

    The weight is the number of rows before the sampling that the value's row stands
    for. The weights are None if no task has a column of sampling rates. If several
    tasks have one, the first task counts.
    """
    values, row_numbers = features.all_values(rows.features, name)
    num_values = np.bincount(row_numbers, minlength=rows.num_rows)
    empty_lists = np.flatnonzero(num_values == 0)
    values = np.append(values, np.zeros(len(empty_lists), values.dtype))
    row_numbers = np.append(row_numbers, empty_lists)
    for task, log_rates in rows.log_rates.items():
        rates = np.exp(log_rates[row_numbers].astype("float64"))
        has_label_0 = rows.labels[task][row_numbers] == 0
        return values, np.where(has_label_0, 1 / rates, 1.0)
    return values, None


def num_distinct(
    name: str, features: FeatureSet, train: Table, is_continued: bool
) -> int:
    """Returns the number of distinct values of a feature in the training rows.

    Without a vocabulary of its own, the values in `train`, the sampled training rows,
    are counted. Empty cells are not a value, unless the other cells hold only one
    value: such a column is not constant.
    """
    vocabulary_size = len(features.learnt[name].get("vocabulary", []))
    if vocabulary_size > 1 and not is_continued and not features.shares_table(name):
        return vocabulary_size
    values, rows = features.all_values(train.features, name)
    distinct = np.unique(values)
    if features.layout.blocks[name].input == "dense":
        return len(distinct)
    if len(np.unique(rows)) < train.num_rows:  # some lists are empty
        distinct = np.union1d(distinct, [0])
    # Id 0 stands for empty cells.
    return int(np.count_nonzero(distinct)) if len(distinct) > 2 else len(distinct)


def feature_drifts(
    name: str,
    features: FeatureSet,
    buckets: Buckets,
    samples: dict[str, Table],
    unseen: dict[str, float],
) -> dict[str, float]:
    """Returns {split: the drift of a feature}, see `FeatureReport`.

    `unseen` is {split: the fraction of unseen values}; {} if they are not counted.
    """
    feature, trained = features.by_name[name], unseen.get("train", 0.0)
    drifts = {}
    for split in [split for split in samples if split != "train"]:
        drifts[split] = 0.0
        if min(samples["train"].num_rows, samples[split].num_rows) >= MIN_ROWS:
            values, weights = values_and_weights(name, features, samples[split])
            counts = bucket_counts(buckets, values, weights)
            increase = increase_of_unseen_ids(feature, trained, unseen.get(split))
            drifts[split] = drift_from(buckets, counts, increase)
    return drifts


def sample(table: StoredTable) -> Table:
    """Returns all rows of a small table, or blocks spread evenly over a large table."""
    if table.num_rows <= SAMPLED_ROWS:
        return table.read(0, table.num_rows)
    block_rows = SAMPLED_ROWS // SAMPLED_BLOCKS
    starts = np.linspace(0, table.num_rows - block_rows, SAMPLED_BLOCKS).astype("int64")
    return concatenate(table.read(i, i + block_rows) for i in starts.tolist())
