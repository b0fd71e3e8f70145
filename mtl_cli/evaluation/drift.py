"""Measures drift: how much features and predictions differ from the run's own data.

Drift is measured by the population stability index (PSI), see `data.buckets`: the
distance between the distributions on the evaluated rows and in the run.
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

# The usual limits: a population stability index is moderate from 0.1 on, and large from
# 0.25 on.
MODERATE, LARGE = 0.1, 0.25
# The increase of the fraction of empty cells, or of unseen values, that is reported.
MORE_CELLS = 0.05


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
    buckets, unseen = report["buckets"], list(report["unseen"].values())
    counts = np.array(buckets["counts"], "int64")
    if bucket_counts(buckets, np.zeros(1)).shape != counts.shape:
        raise ValueError("the buckets and their counts differ in number")
    last_unseen = float(unseen[-1]) if unseen else None
    missing = float(report["missing"]["train"])
    return TrainedFeature(buckets, counts, missing, last_unseen)


class FeatureCounts:
    """Counts the values of each feature, block by block.

    Values are counted in the buckets of the training rows. The run's `data_report.json`
    contains these buckets.

    Attributes:
        remark: a line for the user that says why the drift of features is unknown; ""
            if it is known.
        counts: {feature: the number of values in each bucket, (buckets,)}.
        num_missing: {feature: the number of empty cells}.
        num_unseen: {feature: the number of unseen values}.
        num_values: {feature: the number of values among which unseen ones are counted}.
        num_rows: the number of rows whose empty cells and unseen values are counted.
    """

    def __init__(self, features: FeatureSet, run: Path) -> None:
        self.features = features
        self.remark = ""
        self.trained: dict[str, TrainedFeature] = {}
        try:
            reports = read_json_object(run / "data_report.json")["features"]
            self.trained = {
                n: read_trained_feature(reports[n]) for n in features.by_name
            }
        except DAMAGED_FILE_ERRORS:
            self.remark = (
                f"drift of features is unknown: data_report.json of {run} holds no "
                "distributions of the training rows"
            )
        self.counts = {n: np.zeros_like(x.counts) for n, x in self.trained.items()}
        self.num_missing = Counter[str]()
        self.num_unseen, self.num_values = Counter[str](), Counter[str]()
        self.num_rows = 0

    def add(self, encoded: dict[str, Array], rows: pa.Table | None = None) -> None:
        """Counts the values of a block of rows.

        Empty cells and unseen values are counted if the rows are known as they were
        before they were encoded.
        """
        for name, trained in self.trained.items():
            values, _ = self.features.all_values(encoded, name)
            self.counts[name] += bucket_counts(trained.buckets, values)
        if rows is None:
            return
        self.num_rows += rows.num_rows
        for name, feature in self.features.by_name.items():
            columns = feature.source_columns(name)
            # Of several columns, the column with the most empty cells counts.
            num_missing = max(int(empty_cells(rows[c]).sum()) for c in columns)
            self.num_missing[name] += num_missing
        for name, value_rows in self.features.unseen(rows, encoded).items():
            self.num_unseen[name] += len(value_rows.unseen)
            self.num_values[name] += len(value_rows.all)

    def drift(self) -> list[dict[str, Any]]:
        """Returns the drift of all features.

        Returns: one dict per feature, with `kind` "feature"; `name`; `psi`, the
            population stability index; `missing` and `unseen`, the fractions of empty
            cells and of unseen values; and `trained_missing` and `trained_unseen`,
            these fractions in the run's own data. A value that is unknown is None.
        """
        records = []
        for name in self.features.by_name:
            trained = self.trained.get(name)
            psi = trained and stability_index(trained.counts, self.counts[name])
            num_rows, num_values = self.num_rows, self.num_values[name]
            unseen = self.num_unseen[name] / num_values if num_values else None
            records.append(
                {
                    "kind": "feature",
                    "name": name,
                    "psi": psi,
                    "missing": self.num_missing[name] / num_rows if num_rows else None,
                    "trained_missing": trained and trained.missing,
                    "unseen": unseen,
                    "trained_unseen": trained and trained.unseen,
                }
            )
        return records


def has_drifted(record: dict[str, Any]) -> bool:
    """Whether a feature has drifted enough to be reported.

    A feature has drifted enough if its PSI is at least `MODERATE`, or if its fraction
    of empty cells or of unseen values is larger than in the run by at least
    `MORE_CELLS`. See `FeatureCounts.drift` for the record, whose PSI must be known.
    """
    has_more_cells = [
        record[key] is not None
        and record[key] - (record[f"trained_{key}"] or 0) >= MORE_CELLS
        for key in ("missing", "unseen")
    ]
    return record["psi"] >= MODERATE or any(has_more_cells)


def prediction_drift(
    run: Path, outputs: list[Output], predictions: dict[str, Array]
) -> tuple[list[dict[str, Any]], str]:
    """Compares predictions with the run's predictions for its own test rows.

    Returns: the drift, one dict per output, or per class of a multiclass output, see
        `prediction_record`; and a line that tells the user why the drift is unknown,
        or "".
    """
    records = []
    columns = [prediction_name(output.name) for output in outputs]
    try:
        table = read_predictions(run, lambda names: columns)
        for output in outputs:
            name, task = output.name, output.task
            earlier: Any = table[prediction_name(name)].to_numpy()
            if earlier.dtype == object:  # one list of probabilities per row
                earlier = np.stack(list(earlier))
            if earlier.shape[1:] != predictions[name].shape[1:]:
                raise ValueError("the numbers of classes differ")
            new = task.prediction_columns(name, predictions[name])
            old = task.prediction_columns(name, earlier)
            records += [prediction_record(c, old[c], new[c]) for c in new]
    except FileNotFoundError:
        return [], f"drift of predictions is unknown: {run} has no {PREDICTIONS}"
    except DAMAGED_FILE_ERRORS:
        return [], f"drift of predictions is unknown: {run / PREDICTIONS} is damaged"
    return records, ""


def prediction_record(name: str, old: Array, new: Array) -> dict[str, Any]:
    """Returns the drift of the predictions of an output, or of one of its classes.

    Returns: `kind` "prediction", `name`, `psi`, and the means `mean` of the new and
        `trained_mean` of the old predictions.
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
