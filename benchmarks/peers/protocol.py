"""The same rows, features and tasks for every peer, and the line that each prints.

Needs only NumPy, pandas, pyarrow and scikit-learn. As in the peers' own examples, ids
and the scale of numbers come from training and test rows together. Ids start at 1,
since some peers take 0 for padding.
"""

import argparse
import json
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

DATA = Path(__file__).resolve().parents[2] / "data"

ADULT_DENSE = [
    "fnlwgt",
    "education_num",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
]
ADULT_TASKS = {
    "income": ("income", ">50K"),
    "never_married": ("marital_status", "Never-married"),
}
CENSUS_DENSE = [
    "age",
    "wage_per_hour",
    "capital_gains",
    "capital_losses",
    "stock_dividends",
    "instance_weight",
    "num_emp",
    "own_or_self",
    "vet_benefits",
    "weeks_worked",
    "year",
]
CENSUS_TASKS = {
    "income": ("income_50k", "50000+"),
    "never_married": ("marital_stat", "Never married"),
}


@dataclass(frozen=True)
class Split:
    """Encoded rows.

    Attributes:
        features: {name: int32 ids or float32 numbers, (rows,)}.
        labels: {task: float32 (rows,)}.
    """

    features: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]

    @property
    def label_table(self) -> np.ndarray:
        """Labels (rows, tasks)."""
        return np.stack(list(self.labels.values()), axis=1)


@dataclass(frozen=True)
class Data:
    """A data set: its splits, the sizes of its sparse features, its dense features."""

    train: Split
    test: Split
    vocabulary_sizes: dict[str, int]
    dense: list[str]


def adult() -> Data:
    """Returns Adult, in its official split."""
    return load("adult", ADULT_DENSE, ADULT_TASKS)


def census_income() -> Data:
    """Returns Census-Income; the test rows are the last half of the test file."""
    data = load("census_income", CENSUS_DENSE, CENSUS_TASKS)
    half = len(data.test.labels["income"]) // 2
    test = Split(
        {name: x[half:] for name, x in data.test.features.items()},
        {name: y[half:] for name, y in data.test.labels.items()},
    )
    return Data(data.train, test, data.vocabulary_sizes, data.dense)


def load(name: str, dense: list[str], tasks: dict[str, tuple[str, str]]) -> Data:
    """Reads and encodes a bundled data set.

    Args:
        name: the folder of the data set.
        dense: columns to scale to 0-1; all further columns but the labels are sparse.
        tasks: {name: (the label's column, its positive value)}.
    """
    files = [pd.read_parquet(DATA / name / f"{s}.parquet") for s in ("train", "test")]
    frame = pd.concat(files, ignore_index=True)
    features, sizes = {}, {}
    labels_of = [column for column, _ in tasks.values()]
    for column in frame.columns.drop([*dense, *labels_of]):
        codes, values = pd.factorize(frame[column])
        features[column] = (codes + 1).astype("int32")
        sizes[column] = len(values) + 1
    for column in dense:
        x = frame[column].to_numpy("float64")
        features[column] = ((x - x.min()) / (x.max() - x.min())).astype("float32")
    labels = {
        task: (frame[column] == positive).to_numpy("float32")
        for task, (column, positive) in tasks.items()
    }
    rows = len(files[0])
    train, test = (
        Split(
            {name: x[split] for name, x in features.items()},
            {name: y[split] for name, y in labels.items()},
        )
        for split in (slice(rows), slice(rows, None))
    )
    return Data(train, test, sizes, dense)


class Stopwatch:
    """Measures the seconds of each epoch; its methods serve as callbacks."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def start(self, *_: object) -> None:
        """Starts an epoch."""
        self.began = time.perf_counter()

    def stop(self, *_: object) -> None:
        """Ends an epoch."""
        self.seconds.append(time.perf_counter() - self.began)


def arguments(epochs: int, batch_size: int) -> argparse.ArgumentParser:
    """Returns a parser of the options that all scripts have."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--batch-size", type=int, default=batch_size)
    return parser


def report(
    packages: list[str],
    rows: int,
    watch: Stopwatch,
    parameters: int,
    test: dict[str, np.ndarray] | None = None,
    predictions: np.ndarray | None = None,
) -> None:
    """Prints the line of JSON that the benchmarks read.

    Args:
        packages: packages whose versions are reported.
        rows: number of rows per epoch.
        watch: the stopwatch of the epochs.
        parameters: number of the model's parameters.
        test: {task: labels of the test rows}, or None.
        predictions: predictions of the test rows, (rows, tasks), or None.
    """
    auc = {}
    if test is not None and predictions is not None:
        for i, (task, label) in enumerate(test.items()):
            auc[task] = float(roc_auc_score(label, predictions[:, i]))
    line = {
        "versions": {name: version(name) for name in packages},
        "rows": rows,
        "epoch_seconds": watch.seconds,
        "samples_per_second": [rows / seconds for seconds in watch.seconds],
        "auc": auc,
        "parameters": parameters,
    }
    print("\n" + json.dumps(line), flush=True)
