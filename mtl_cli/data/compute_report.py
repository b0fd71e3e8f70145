"""Computes the data report."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mtl_cli.data.buckets import Buckets, bucket_counts, drift_from, make_buckets
from mtl_cli.data.feature_aucs import feature_aucs
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.findings import findings
from mtl_cli.data.label_findings import LABEL_ROWS, outlier_findings, scale_findings
from mtl_cli.data.profile import Profile
from mtl_cli.data.report import FeatureReport, Report
from mtl_cli.data.sampling_findings import revealing_rate_findings, unsampled_findings
from mtl_cli.data.table import NO_GROUP, Array, StoredTable, Table, concatenate
from mtl_cli.data.training_values import expected_unseen_fractions, num_distinct
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
    early_rows: dict[str, int],
    splits: dict[str, StoredTable],
    earlier: Mapping[str, Mapping[str, Any]],
    split_groups: str | None,
) -> Report:
    """Returns the data report.

    Args:
        outputs: the outputs of the model.
        features: the fitted features.
        profile: the counts over the rows of all tables.
        early_rows: the entry `early_rows` of the report.
        splits: {split: its encoded rows}.
        earlier: {feature: what it learnt in an earlier run}, for features that continue
            this run: their vocabulary may hold values that no training row has.
        split_groups: see `findings`.
    """
    samples = {split: sample(table) for split, table in splits.items()}
    train = splits["train"].mapped()
    expected_unseen = expected_unseen_fractions(features, train, earlier)
    report: Report = {
        "splits": {split: table.num_rows for split, table in splits.items()},
        "sampled_rows": {split: table.num_rows for split, table in samples.items()},
        "tasks": {
            output.name: {
                split: label_counts(output, table) for split, table in splits.items()
            }
            for output in outputs
        },
        "class_rows": {
            output.name: {
                split: class_counts(output, table) for split, table in splits.items()
            }
            for output in outputs
            if output.task.HAS_CLASSES and output.task.num_predictions > 1
        },
        "features": {
            name: feature_report(
                name,
                features,
                outputs,
                profile,
                samples,
                num_distinct(name, features, train, samples["train"], earlier),
                expected_unseen,
            )
            for name in features.by_name
        },
        "repeated_rows": profile.repeated_fractions(),
        "test_rows_in_valid": profile.fraction_of_rows_in("test", "valid"),
        "rows_without_group": {
            split: int((table.groups == NO_GROUP).sum())
            for split, table in splits.items()
            if table.groups is not None
        },
        "early_rows": early_rows,
        "findings": [],
    }
    report["findings"] = findings(report, features.by_name, split_groups)
    report["findings"] += outlier_findings(outputs, splits)
    report["findings"] += profile.number_findings()
    report["findings"] += scale_findings(outputs, splits["train"])
    report["findings"] += revealing_rate_findings(samples["train"])
    report["findings"] += unsampled_findings(outputs, report["tasks"])
    return report


def label_counts(output: Output, table: Table) -> dict[str, int]:
    """Counts the rows with a weight for an output, and the positive rows of these."""
    is_counted = table.weights[output.name] > 0
    counts = {"rows": int(is_counted.sum())}
    if output.task.BINARY_LABELS:
        is_positive = table.labels[output.label] == 1
        counts["positives"] = int((is_counted & is_positive).sum())
    return counts


def class_counts(output: Output, table: Table) -> dict[str, int]:
    """Counts the rows of each class among the rows with a weight for an output."""
    labels, weights = table.labels[output.label], table.weights[output.name]
    num_classes = output.task.num_predictions
    counts = np.zeros(num_classes, "int64")
    for start in range(0, len(labels), LABEL_ROWS):
        rows = slice(start, start + LABEL_ROWS)
        counted = labels[rows][weights[rows] > 0].astype("int64")
        counts += np.bincount(counted, minlength=num_classes)
    return {output.task.label_text(i): int(count) for i, count in enumerate(counts)}


def feature_report(
    name: str,
    features: FeatureSet,
    outputs: list[Output],
    profile: Profile,
    samples: dict[str, Table],
    distinct: int,
    expected_unseen: dict[str, float],
) -> FeatureReport:
    """Returns the part of the data report about one feature.

    `samples` is {split: some of its rows, see `sample`}, `distinct` the result of
    `num_distinct`, and `expected_unseen` the result of `expected_unseen_fractions`. See
    `data_report` for the other arguments.
    """
    feature = features.by_name[name]
    train = samples["train"]
    buckets = make_buckets(
        *values_and_weights(name, features, train),
        expected_unseen.get(feature.table_owner(name), 0.0),
    )
    unseen = profile.unseen_fractions(name, samples)
    return {
        "kind": feature.kind,
        "missing": profile.missing_fractions(name),
        "distinct": distinct,
        "unseen": unseen,
        "buckets": buckets,
        "drift": feature_drifts(name, features, buckets, samples, unseen),
        "auc": feature_aucs(name, features, outputs, train),
    }


def feature_drifts(
    name: str,
    features: FeatureSet,
    buckets: Buckets,
    samples: dict[str, Table],
    unseen: dict[str, float],
) -> dict[str, float]:
    """Returns {split: the drift of a feature}, see `FeatureReport`.

    `buckets` counts the values of the sampled training rows, and `unseen` is the result
    of `Profile.unseen_fractions`.
    """
    drifts = {}
    for split, table in samples.items():
        if split == "train":
            continue
        drifts[split] = 0.0
        if min(samples["train"].num_rows, table.num_rows) >= MIN_ROWS:
            values, weights = values_and_weights(name, features, table)
            counts = bucket_counts(buckets, values, weights)
            unseen_increase = unseen[split] - unseen["train"] if unseen else 1.0
            drifts[split] = drift_from(buckets, counts, unseen_increase)
    return drifts


def values_and_weights(
    name: str, features: FeatureSet, table: Table
) -> tuple[Array, Array | None]:
    """Returns all values of a feature, and the weight of each value.

    A value has the weight of its row, see `Table.rows_represented`. The weights are
    None if the data set has no column of sampling rates.
    """
    values, rows = features.all_values(table.features, name)
    weights = table.rows_represented
    return values, None if weights is None else weights[rows]


def sample(table: StoredTable) -> Table:
    """Returns all rows of a small table, or blocks spread evenly over a large table."""
    if table.num_rows <= SAMPLED_ROWS:
        return table.read(0, table.num_rows)
    block_rows = SAMPLED_ROWS // SAMPLED_BLOCKS
    starts = np.linspace(0, table.num_rows - block_rows, SAMPLED_BLOCKS).astype("int64")
    return concatenate(table.read(i, i + block_rows) for i in starts.tolist())
