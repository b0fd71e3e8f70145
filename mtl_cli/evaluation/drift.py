"""Drift: the difference of features and predictions from the run's own data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mtl_cli.columns.cells import empty_cells
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.other_files import read_json_object
from mtl_cli.data.buckets import (
    Buckets,
    Counts,
    buckets_of,
    counts_in,
    stability_index,
)
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array
from mtl_cli.runs.predictions_file import PREDICTIONS, read_predictions

# The usual thresholds of the population stability index.
MODERATE, LARGE = 0.1, 0.25
MORE_CELLS = 0.05  # empty or unseen, as a share of the rows, more than in training


@dataclass(frozen=True)
class TrainedFeature:
    """The distribution of a feature's values in the run's own data.

    Attributes:
        buckets: the distribution in the training rows.
        counts: the number of values of training rows in each bucket.
        missing: the share of empty cells in the training file.
        unseen: the share of unseen values in the last split; None if not counted.
    """

    buckets: Buckets
    counts: Counts
    missing: float
    unseen: float | None


def trained_feature(report: dict[str, Any]) -> TrainedFeature:
    """Reads the part of a data report about one feature.

    Raises:
        ValueError, LookupError, TypeError: if it is not what a run writes.
    """
    buckets, unseen = report["buckets"], list(report["unseen"].values())
    counts = np.array(buckets["counts"], "int64")
    if counts_in(buckets, np.zeros(1)).shape != counts.shape:
        raise ValueError("the buckets and their counts differ in number")
    last = float(unseen[-1]) if unseen else None
    return TrainedFeature(buckets, counts, float(report["missing"]["train"]), last)


class FeatureCounts:
    """Counts the values of each feature, in the buckets of the training rows.

    Args:
        features: the fitted features.
        run: the run folder. Its data report holds the buckets.

    Attributes:
        remark: why the features cannot be compared with the training rows; "" if they
            can.
    """

    def __init__(self, features: FeatureSet, run: Path) -> None:
        self.features = features
        self.remark = ""
        self.trained: dict[str, TrainedFeature] = {}
        try:
            reports = read_json_object(run / "data_report.json")["features"]
            self.trained = {n: trained_feature(reports[n]) for n in features.features}
        except DAMAGED_FILE_ERRORS:
            self.remark = (
                f"drift of features is unknown: data_report.json of {run} holds no "
                "distributions of the training rows"
            )
        self.counts = {n: np.zeros_like(x.counts) for n, x in self.trained.items()}
        self.rows = 0
        self.raw_rows = 0
        self.missing = dict.fromkeys(features.features, 0)
        # {feature: the numbers of unseen and of all values}
        self.unseen: dict[str, tuple[int, int]] = {}

    def add(self, encoded: dict[str, Array], rows: pa.Table | None = None) -> None:
        """Counts some rows.

        Args:
            encoded: the encoded rows, {input of the network: (rows, width)}.
            rows: the rows before they were encoded, in which empty cells and unseen
                values are counted; None does not count them.
        """
        self.rows += len(next(iter(encoded.values())))
        for name, trained in self.trained.items():
            values, _ = self.features.all_values(encoded, name)
            self.counts[name] += counts_in(trained.buckets, values)
        if rows is None:
            return
        self.raw_rows += rows.num_rows
        for name, feature in self.features.features.items():
            columns = feature.source_columns(name)
            empty = [int(empty_cells(rows[c]).sum()) for c in columns]
            self.missing[name] += max(empty)
        for name, value_rows in self.features.unseen(rows, encoded).items():
            before = self.unseen.get(name, (0, 0))
            counted = len(value_rows.unseen), len(value_rows.all)
            self.unseen[name] = before[0] + counted[0], before[1] + counted[1]

    def drift(self) -> list[dict[str, Any]]:
        """Returns one row per feature: its drift, empty cells and unseen values.

        `trained_missing` and `trained_unseen` are the shares in the run's own data.
        """
        records = []
        for name in self.features.features:
            trained, index = self.trained.get(name), None
            if trained is not None:
                index = stability_index(trained.counts, self.counts[name])
            unseen, values = self.unseen.get(name, (0, 0))
            records.append(
                {
                    "kind": "feature",
                    "name": name,
                    "psi": index,
                    "missing": self.share(self.missing[name]),
                    "trained_missing": trained and trained.missing,
                    "unseen": unseen / values if values else None,
                    "trained_unseen": trained and trained.unseen,
                }
            )
        return records

    def share(self, count: int) -> float | None:
        """Returns a count as a share of the rows; None if it was not counted."""
        return count / self.raw_rows if self.raw_rows else None


def has_moved(record: dict[str, Any]) -> bool:
    """Whether a feature has a PSI of 0.1, or 5 % more empty or unseen cells."""
    more_cells = [
        record[share] is not None
        and record[share] - (record[f"trained_{share}"] or 0) >= MORE_CELLS
        for share in ("missing", "unseen")
    ]
    return record["psi"] >= MODERATE or any(more_cells)


def prediction_drift(
    run: Path, predictions: dict[str, Array]
) -> tuple[list[dict[str, Any]], str]:
    """Compares predictions with the run's predictions for its test rows.

    Args:
        run: the run folder.
        predictions: {output: (rows,) or (rows, classes)}.

    Returns: a row for each output and class; and the reason why there are no rows, or
        "".
    """
    path, records = run / PREDICTIONS, []
    columns = [f"{name}_prediction" for name in predictions]
    try:
        table = read_predictions(run, lambda names: columns)
        for name, values in predictions.items():
            earlier: Any = table[f"{name}_prediction"].to_numpy()
            if earlier.dtype == object:  # a list of probabilities per row
                earlier = np.stack(list(earlier))
            pairs = zip(as_columns(earlier), as_columns(values), strict=True)
            for i, (trained, new) in enumerate(pairs):
                column = name if values.ndim == 1 else f"{name}.{i}"
                records.append(prediction_record(column, trained, new))
    except FileNotFoundError:
        return [], f"drift of predictions is unknown: {run} has no {PREDICTIONS}"
    except DAMAGED_FILE_ERRORS:
        return [], f"drift of predictions is unknown: {path} is damaged"
    return records, ""


def prediction_record(name: str, trained: Array, new: Array) -> dict[str, Any]:
    """Returns the drift of one column of predictions."""
    buckets = buckets_of(trained)
    counts = np.array(buckets["counts"])
    return {
        "kind": "prediction",
        "name": name,
        "psi": stability_index(counts, counts_in(buckets, new)),
        "mean": float(new.mean()),
        "trained_mean": float(trained.mean()),
    }


def as_columns(predictions: Array) -> list[Array]:
    """Returns the predictions as columns of floats: one, or one per class."""
    columns = predictions.reshape(len(predictions), -1).T
    return [np.asarray(column, "float64") for column in columns]
