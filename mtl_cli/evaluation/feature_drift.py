"""Measures drift: how much features differ from the run's training rows.

Drift is measured by the population stability index (PSI), a distance between two
distributions, see `data.buckets`.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict

import numpy as np
import pyarrow as pa

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.other_files import read_json_object
from mtl_cli.data.buckets import Buckets, Counts, bucket_counts, drift_from
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
    """The distribution of a feature's values in the run's own data.

    Attributes:
        buckets: the buckets of the values.
        counts: the number of values of training rows in each bucket, (buckets,). If the
            data were sampled, a row may count several times here and in the fractions,
            see `Table.rows_represented`.
        empty_fraction: the fraction of rows of the table `train` with an empty cell.
        unseen_fraction: the fraction of unseen values in the run's last split, usually
            the test rows, see `FeatureSet.unseen_and_all_rows`. None if unseen values
            were not counted.
    """

    buckets: Buckets
    counts: Counts
    empty_fraction: float
    unseen_fraction: float | None


class FeatureDrift(TypedDict):
    """The drift of one feature, as JSON values; None if unknown.

    Attributes:
        psi: the population stability index.
        missing: the fraction of rows with an empty cell.
        trained_missing: this fraction in the run, see `RunDistribution`.
        unseen: the fraction of unseen values.
        run_unseen: this fraction in the run, see `RunDistribution`.
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

    Raises:
        ValueError, LookupError, TypeError: if the entry is damaged.
    """
    buckets = report["buckets"]
    has_edges = "edges" in buckets
    limits = buckets["edges"] if has_edges else buckets["ids"]
    limits = [*limits, *buckets.get("range_edges", [])]
    counts = np.array(buckets["counts"], "float64")
    if np.array(limits, "float64").ndim != 1 or counts.shape != (len(limits) + 1,):
        raise ValueError("the numbers of buckets and of counts do not match")
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError("a count is negative or not finite")
    empty_fraction = float(report["missing"]["train"])
    unseen_by_split = list(report["unseen"].values())
    unseen_fraction = float(unseen_by_split[-1]) if unseen_by_split else None
    return RunDistribution(buckets, counts, empty_fraction, unseen_fraction)


class FeatureCounts:
    """Counts the values of each feature, block by block.

    Values are counted in the buckets of the training rows. The run's `data_report.json`
    contains these buckets.

    Attributes:
        remark: a line for the user that says why the drift of features is unknown; ""
            if the drift is known.
        run_distributions: {feature: its distribution in the run's own data}; {} if the
            drift is unknown.
        counts: {feature: the number of values in each bucket, (buckets,)}, counted as
            in `RunDistribution`.
        num_empty: {feature: the number of rows with an empty cell}, see `empty_rows`.
            Rows count as in `RunDistribution`, here and in the other numbers.
        num_unseen: {feature: the number of unseen values}.
        num_values: {feature: the number of all values, unseen or not}.
        num_rows: the number of rows in which empty cells and unseen values are counted.
    """

    def __init__(self, features: FeatureSet, run_folder: Path) -> None:
        self.features = features
        self.remark = ""
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
        self.num_empty: dict[str, float] = defaultdict(float)
        self.num_unseen: dict[str, float] = defaultdict(float)
        self.num_values: dict[str, float] = defaultdict(float)
        self.num_rows = 0.0

    def add(self, rows: Table, raw_rows: pa.Table | None = None) -> None:
        """Counts the values of a block of encoded rows.

        `raw_rows` are the same rows before their encoding. Without `raw_rows`, the
        empty cells and unseen values of the block are not counted.
        """
        encoded = rows.features
        for name, distribution in self.run_distributions.items():
            values, weights = values_and_weights(name, self.features, rows)
            self.counts[name] += bucket_counts(distribution.buckets, values, weights)
        if raw_rows is None:
            return
        weights = rows.row_counts
        self.num_rows += float(weights.sum())
        for name, feature in self.features.by_name.items():
            empty = empty_rows(feature, name, raw_rows)
            self.num_empty[name] += float(weights[empty].sum())
        for name, value_rows in self.features.unseen_and_all_rows(
            raw_rows, encoded
        ).items():
            self.num_unseen[name] += float(weights[value_rows.unseen].sum())
            self.num_values[name] += float(weights[value_rows.all].sum())

    def drift(self) -> list[FeatureDrift]:
        """Returns the drift of all features."""
        return [self.feature_drift(name) for name in self.features.by_name]

    def feature_drift(self, name: str) -> FeatureDrift:
        """Returns the drift of one feature."""
        psi = run_empty_fraction = run_unseen_fraction = None
        if name in self.run_distributions:
            distribution = self.run_distributions[name]
            psi = drift_from(distribution.buckets, self.counts[name])
            run_empty_fraction = distribution.empty_fraction
            run_unseen_fraction = distribution.unseen_fraction
        return {
            "kind": "feature",
            "name": name,
            "psi": psi,
            "missing": self.empty_fraction(name),
            "trained_missing": run_empty_fraction,
            "unseen": self.unseen_fraction(name),
            "run_unseen": run_unseen_fraction,
        }

    def empty_fraction(self, name: str) -> float | None:
        """Returns the fraction of rows with an empty cell of a feature."""
        return self.num_empty[name] / self.num_rows if self.num_rows else None

    def unseen_fraction(self, name: str) -> float | None:
        """Returns the fraction of a feature's values that are unseen."""
        num_values = self.num_values[name]
        return self.num_unseen[name] / num_values if num_values else None


def has_drifted(drift: FeatureDrift) -> bool:
    """Whether a feature has drifted enough to be reported.

    A feature has drifted enough if its PSI is at least `MODERATE_PSI`, or if its
    fraction of empty cells or of unseen values is larger than in the run by at least
    `REPORTED_INCREASE`.
    """
    return (
        (drift["psi"] is not None and drift["psi"] >= MODERATE_PSI)
        or has_grown(drift["missing"], drift["trained_missing"])
        or has_grown(drift["unseen"], drift["run_unseen"])
    )


def has_grown(fraction: float | None, run_fraction: float | None) -> bool:
    """Whether a fraction is larger than in the run by at least `REPORTED_INCREASE`.

    If the fraction in the run is unknown, it counts as 0.
    """
    return fraction is not None and fraction - (run_fraction or 0) >= REPORTED_INCREASE
