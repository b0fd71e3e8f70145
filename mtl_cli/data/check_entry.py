"""Says what an entry of the cache must hold, because somebody else may have written it.

Without this check, a run could end with an error after its training, or with a model
that cannot be loaded.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from mtl_cli.data.cache_entry import Entry, Manifest
from mtl_cli.data.check_learnt import check_learnt
from mtl_cli.data.column_request import request_of_data
from mtl_cli.data.compute_report import label_counts
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import GroupCodes
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.feature_set_fitter import EarlierLearnt
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.report import Report
from mtl_cli.data.table import Table, as_arrays
from mtl_cli.heads.base import Output


def check_entry(
    entry: Entry, dataset: Dataset, outputs: list[Output], earlier: EarlierLearnt | None
) -> None:
    """Refuses an entry that `encode` cannot have written for the same arguments."""
    manifest = entry.manifest
    features = FeatureSet(dataset.used_features, manifest.features)
    for name, learnt in features.learnt.items():
        earlier_dim = (earlier or {}).get(name, {}).get("embedding_dim")
        if learnt.get("embedding_dim") != earlier_dim:
            raise ValueError(f"feature {name} has not learnt its embedding_dim")
    tasks = {output.name: output.task for output in outputs}
    encoded = check_learnt(features, manifest.labels, tasks)
    labels = labels_of_no_rows(dataset, outputs)
    splits = check_splits(manifest, dataset)
    arrays = {f"features.{name}": array for name, array in encoded.items()}
    arrays |= as_arrays(labels) | {"row_numbers": np.arange(0)}
    expected = {
        f"{split}.{name}": (x.dtype.str, x.shape[1] if x.ndim == 2 else None)
        for split in splits
        for name, x in arrays.items()
    }
    stored = {key: (x.dtype, x.width) for key, x in manifest.arrays.items()}
    if stored != expected:
        raise ValueError("the arrays do not fit the features and the outputs")
    check_report(manifest.report, features, outputs, labels)


def labels_of_no_rows(dataset: Dataset, outputs: list[Output]) -> Table:
    """Returns the arrays that `encode` writes beside the features, without rows."""
    types = request_of_data(dataset, outputs).types
    rows = pa.schema(types.items()).empty_table()
    groups = GroupCodes(dataset.group_column).encode(rows)
    return replace(labels_of_rows(dataset, outputs, rows), groups=groups)


def check_splits(manifest: Manifest, dataset: Dataset) -> set[str]:
    """Returns the splits of an entry. Refuses an entry that lacks one."""
    rows = {key.partition(".")[0]: x.rows for key, x in manifest.arrays.items()}
    required = set(dataset.locations)
    if dataset.valid_fraction:
        required.add("valid")
    if dataset.test_fraction:
        required.add("test")
    if manifest.report["splits"] != rows or not required <= rows.keys():
        raise ValueError("the splits do not fit the data set")
    return set(rows)


def check_report(
    report: Report, features: FeatureSet, outputs: list[Output], labels: Table
) -> None:
    """Refuses a data report that lacks an output, a feature or a split.

    `labels` is the result of `labels_of_no_rows`.
    """
    counts = {
        (name, split): counts.keys()
        for name, by_split in report["tasks"].items()
        for split, counts in by_split.items()
    }
    if counts != {
        (output.name, split): label_counts(output, labels).keys()
        for output in outputs
        for split in report["splits"]
    }:
        raise ValueError("the data report does not fit the outputs")
    drifts = {name: set(x["drift"]) for name, x in report["features"].items()}
    if drifts != dict.fromkeys(features.by_name, report["splits"].keys() - {"train"}):
        raise ValueError("the data report does not fit the features")
