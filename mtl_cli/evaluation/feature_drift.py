"""Measures drift: how much features differ from the run's training rows.

Drift is measured by the population stability index (PSI), a distance between two
distributions, see `data.buckets`.
"""

from collections import Counter
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict

import numpy as np
import pyarrow as pa

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.other_files import read_json_object
from mtl_cli.data.buckets import (
    Buckets,
    Counts,
    bucket_counts,
    drift_from,
    increase_of_unseen_ids,
)
from mtl_cli.data.compute_report import values_and_weights
from mtl_cli.data.feature_set import FeatureSet, empty_rows
from mtl_cli.data.table import Table

# The usual limits: drift is moderate from a PSI of 0.1 on, and large from 0.25 on.
MODERATE_PSI = 0.1
LARGE_PSI = 0.25
# A feature is reported if its fraction of empty cells, or of unseen values, is larger
# than in the run by at least this much.
REPORTED_INCREASE = 0.05


class RunDistribution(NamedTuple):
    """The distribution of a feature's values in the run's own data."""

    buckets: Buckets
    # The number of values of training rows in each bucket, (buckets,). A sampled row
    # counts several times, see `values_and_weights`.
    counts: Counts
    empty_fraction: float  # of the training rows
    unseen_fractions: dict[str, float]  # {split of the run: its unseen values}


class FeatureDrift(TypedDict):
    """The drift of one feature, as JSON values; None if unknown.

    `missing` is the fraction of rows with an empty cell, `unseen` of unseen values.
    """

    kind: Literal["feature"]
    name: str
    psi: float | None
    missing: float | None
    trained_missing: float | None
    unseen: float | None
    run_unseen: float | None


def read_distribution(report: dict[str, Any]) -> RunDistribution:
    """Reads the entry of one feature in a run's `data_report.json`.

    Raises one of `DAMAGED_FILE_ERRORS` if the entry is damaged.
    """
    buckets = report["buckets"]
    limits = buckets["edges"] if "edges" in buckets else buckets["ids"]
    limits = np.array([*limits, *buckets.get("range_edges", [])], "float64")
    counts = np.array(buckets["counts"], "float64")
    if limits.ndim != 1 or counts.shape != (len(limits) + 1,):
        raise ValueError("the numbers of buckets and of counts do not match")
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError("a count is negative or not finite")
    return RunDistribution(
        buckets,
        counts,
        empty_fraction=float(report["missing"]["train"]),
        unseen_fractions={split: float(x) for split, x in report["unseen"].items()},
    )


class FeatureCounts:
    """Counts the values of each feature, block by block.

    Values are counted in the buckets of the training rows, which the run's
    `data_report.json` contains.
    """

    def __init__(self, features: FeatureSet, run_folder: Path) -> None:
        self.features = features
        self.remark = ""  # why the drift of features is unknown
        # {feature: its distribution}; {} if the drift is unknown
        self.run_distributions: dict[str, RunDistribution] = {}
        try:
            reports = read_json_object(run_folder / "data_report.json")["features"]
            self.run_distributions = {
                name: read_distribution(reports[name]) for name in features.by_name
            }
        except DAMAGED_FILE_ERRORS:
            self.remark = (
                "drift of features is unknown: the distributions of the training rows "
                f"cannot be read from {run_folder / 'data_report.json'}"
            )
        self.counts = {
            name: np.zeros_like(distribution.counts)
            for name, distribution in self.run_distributions.items()
        }
        self.num_empty = Counter[str]()
        self.num_unseen = Counter[str]()
        self.num_values = Counter[str]()
        self.num_rows = 0  # in which empty cells and unseen values are counted

    def add(self, rows: Table, raw_rows: pa.Table | None = None) -> None:
        """Counts the values of a block of encoded rows.

        Without `raw_rows`, the same rows before their encoding, empty cells and unseen
        values are not counted.
        """
        for name, distribution in self.run_distributions.items():
            values, weights = values_and_weights(name, self.features, rows)
            self.counts[name] += bucket_counts(distribution.buckets, values, weights)
        if raw_rows is None:
            return
        self.num_rows += rows.num_rows
        for name, feature in self.features.by_name.items():
            self.num_empty[name] += int(empty_rows(feature, name, raw_rows).sum())
        unseen_and_all = self.features.unseen_and_all_rows(raw_rows, rows.features)
        for name, (unseen_rows, all_rows) in unseen_and_all.items():
            self.num_unseen[name] += len(unseen_rows)
            self.num_values[name] += len(all_rows)

    def drift(self) -> list[FeatureDrift]:
        return [self.feature_drift(name) for name in self.features.by_name]

    def feature_drift(self, name: str) -> FeatureDrift:
        num_values = self.num_values[name]
        unseen = self.num_unseen[name] / num_values if num_values else None
        drift: FeatureDrift = {
            "kind": "feature",
            "name": name,
            "psi": None,
            "missing": self.num_empty[name] / self.num_rows if self.num_rows else None,
            "trained_missing": None,
            "unseen": unseen,
            "run_unseen": None,
        }
        if name in self.run_distributions:
            run = self.run_distributions[name]
            recorded = run.unseen_fractions
            # Without their cells, the rows are the run's own validation rows.
            new = unseen if self.num_rows else recorded.get("valid")
            increase = increase_of_unseen_ids(
                self.features.by_name[name], recorded.get("train", 0.0), new
            )
            drift["psi"] = drift_from(run.buckets, self.counts[name], increase)
            drift["trained_missing"] = run.empty_fraction
            # The last split is usually the test rows.
            drift["run_unseen"] = next(reversed(recorded.values()), None)
        return drift


def has_drifted(drift: FeatureDrift) -> bool:
    """Whether a feature has drifted enough to be reported."""
    more_missing = (drift["missing"] or 0) - (drift["trained_missing"] or 0)
    more_unseen = (drift["unseen"] or 0) - (drift["run_unseen"] or 0)
    has_grown = max(more_missing, more_unseen) >= REPORTED_INCREASE
    return has_grown or (drift["psi"] or 0) >= MODERATE_PSI
