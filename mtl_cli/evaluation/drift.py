"""Measures drift: how much features and predictions differ from the run's own data.

Drift is measured by the population stability index (PSI), a distance between two
distributions, see `data.buckets`. The features of the evaluated rows are compared with
the run's training rows, and the predictions with those of the run's test rows.
"""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mtl_cli.columns.cells import empty_cells
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.prediction_names import prediction_name
from mtl_cli.data.buckets import (
    Buckets,
    Counts,
    bucket_counts,
    make_buckets,
    stability_index,
)
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array
from mtl_cli.heads.base import Output
from mtl_cli.runs.predictions_file import PREDICTIONS, read_predictions

# The usual limits: drift is moderate from a PSI of 0.1 on, and large from 0.25 on.
MODERATE_PSI = 0.1
LARGE_PSI = 0.25
# The increase of the fraction of empty cells, or of unseen values, that is reported.
REPORTED_INCREASE = 0.05


class TrainedFeature(NamedTuple):
    """The distribution of a feature's values in the run's own data.

    Attributes:
        buckets: the buckets of the values, and their distribution in training rows.
        counts: the number of values of training rows in each bucket, (buckets,).
        missing: the fraction of empty cells in the training file.
        unseen: the fraction of values in the run's last split that have no id of their
            own, because training rows lack them or have few of them; None if it was not
            counted.
    """

    buckets: Buckets
    counts: Counts
    missing: float
    unseen: float | None


def read_trained_feature(report: dict[str, Any]) -> TrainedFeature:
    """Reads the entry of one feature in a run's `data_report.json`.

    Raises:
        ValueError, LookupError, TypeError: if the entry is damaged.
    """
    buckets = report["buckets"]
    counts = np.array(buckets["counts"], "int64")
    # The value 0 is counted only to learn the number of buckets.
    num_buckets = len(bucket_counts(buckets, np.zeros(1)))
    if counts.shape != (num_buckets,):
        raise ValueError("the buckets and their counts differ in number")
    missing = float(report["missing"]["train"])
    unseen_by_split = list(report["unseen"].values())
    unseen = float(unseen_by_split[-1]) if unseen_by_split else None
    return TrainedFeature(buckets, counts, missing, unseen)


class FeatureCounts:
    """Counts the values of each feature, block by block.

    Values are counted in the buckets of the training rows. The run's `data_report.json`
    contains these buckets.

    Attributes:
        remark: a line for the user that says why the drift of features is unknown; ""
            if the drift is known.
        trained: {feature: its distribution in the run's own data}; {} if unknown.
        counts: {feature: the number of values in each bucket, (buckets,)}.
        num_missing: {feature: the number of empty cells}. If a feature reads several
            columns, the emptiest column of each block counts.
        num_unseen: {feature: the number of unseen values}.
        num_values: {feature: the number of values of which `num_unseen` are unseen}.
        num_rows: the number of rows whose empty cells and unseen values are counted.
    """

    def __init__(self, features: FeatureSet, run_folder: Path) -> None:
        self.features = features
        self.remark = ""
        self.trained: dict[str, TrainedFeature] = {}
        try:
            reports = read_json_object(run_folder / "data_report.json")["features"]
            self.trained = {
                name: read_trained_feature(reports[name]) for name in features.by_name
            }
        except DAMAGED_FILE_ERRORS:
            self.remark = (
                "drift of features is unknown: the distributions of the training rows "
                f"cannot be read from {run_folder / 'data_report.json'}"
            )
        self.counts = {
            name: np.zeros_like(trained.counts)
            for name, trained in self.trained.items()
        }
        self.num_missing = Counter[str]()
        self.num_unseen = Counter[str]()
        self.num_values = Counter[str]()
        self.num_rows = 0

    def add(self, encoded: dict[str, Array], raw_rows: pa.Table | None = None) -> None:
        """Counts the values of a block of encoded rows.

        `raw_rows` are the same rows before their encoding. Without `raw_rows`, the
        empty cells and unseen values of the block are not counted.
        """
        for name, trained in self.trained.items():
            values, _ = self.features.all_values(encoded, name)
            self.counts[name] += bucket_counts(trained.buckets, values)
        if raw_rows is None:
            return
        self.num_rows += raw_rows.num_rows
        for name, feature in self.features.by_name.items():
            num_empty_by_column = [
                int(empty_cells(raw_rows[column]).sum())
                for column in feature.source_columns(name)
            ]
            self.num_missing[name] += max(num_empty_by_column)
        for name, value_rows in self.features.unseen(raw_rows, encoded).items():
            self.num_unseen[name] += len(value_rows.unseen)
            self.num_values[name] += len(value_rows.all)

    def drift(self) -> list[dict[str, Any]]:
        """Returns the drift of all features.

        Returns: one dict per feature, with `kind` "feature"; `name`; `psi`, the
            population stability index; `missing` and `unseen`, the fractions of empty
            cells and of unseen values; and `trained_missing` and `trained_unseen`,
            these fractions in the run's own data. A value that is unknown is None.
        """
        return [self.feature_record(name) for name in self.features.by_name]

    def feature_record(self, name: str) -> dict[str, Any]:
        """Returns the drift of one feature, see `drift`."""
        num_rows, num_values = self.num_rows, self.num_values[name]
        missing = self.num_missing[name] / num_rows if num_rows else None
        unseen = self.num_unseen[name] / num_values if num_values else None
        record = {"kind": "feature", "name": name, "psi": None, "missing": missing}
        record |= {"trained_missing": None, "unseen": unseen, "trained_unseen": None}
        if name in self.trained:
            trained = self.trained[name]
            record["psi"] = stability_index(trained.counts, self.counts[name])
            record["trained_missing"] = trained.missing
            record["trained_unseen"] = trained.unseen
        return record


def has_drifted(record: dict[str, Any]) -> bool:
    """Whether a feature has drifted enough to be reported.

    A feature has drifted enough if its PSI is at least `MODERATE_PSI`, or if its
    fraction of empty cells or of unseen values is larger than in the run by at least
    `REPORTED_INCREASE`. The record is described in `FeatureCounts.drift`; its PSI must
    be known.
    """
    has_grown = [
        record[key] is not None
        # If the run's own fraction is unknown, it counts as 0.
        and record[key] - (record[f"trained_{key}"] or 0) >= REPORTED_INCREASE
        for key in ("missing", "unseen")
    ]
    return record["psi"] >= MODERATE_PSI or any(has_grown)


def prediction_drift(
    run_folder: Path, outputs: list[Output], predictions: dict[str, Array]
) -> tuple[list[dict[str, Any]], str]:
    """Compares predictions with the run's predictions for its own test rows.

    Returns: the drift, one dict per output, or per class of a multiclass output, see
        `prediction_record`; and a line that tells the user why the drift is unknown,
        or "".
    """
    records = []
    columns = [prediction_name(output.name) for output in outputs]
    try:
        table = read_predictions(run_folder, lambda names: columns)
        for output in outputs:
            name = output.name
            earlier: Any = table[prediction_name(name)].to_numpy()
            if earlier.dtype == object:  # one list of probabilities per row
                earlier = np.stack(list(earlier))
            if earlier.shape[1:] != predictions[name].shape[1:]:
                raise ValueError("the numbers of classes differ")
            new = output.task.prediction_columns(name, predictions[name])
            old = output.task.prediction_columns(name, earlier)
            records += [prediction_record(key, old[key], new[key]) for key in new]
    except FileNotFoundError:
        return [], f"drift of predictions is unknown: {run_folder} has no {PREDICTIONS}"
    except DAMAGED_FILE_ERRORS:
        path = run_folder / PREDICTIONS
        return [], f"drift of predictions is unknown: {path} is damaged"
    return records, ""


def prediction_record(name: str, old: Array, new: Array) -> dict[str, Any]:
    """Returns the drift of the predictions of an output, or of one of its classes.

    Returns: `kind` "prediction", `name`, `psi`, and the means `mean` of the new
        predictions and `trained_mean` of the old predictions, for the run's test rows.
    """
    old, new = old.astype("float64"), new.astype("float64")
    buckets = make_buckets(old)
    counts = np.array(buckets["counts"])
    return {
        "kind": "prediction",
        "name": name,
        "psi": stability_index(counts, bucket_counts(buckets, new)),
        "mean": float(new.mean()),
        "trained_mean": float(old.mean()),
    }
