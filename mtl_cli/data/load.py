"""From a data set's configuration to encoded splits."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mtl_cli.data.features import FeatureEncoder
from mtl_cli.data.labels import labels_of
from mtl_cli.data.read import fingerprint, read
from mtl_cli.data.schema import Dataset
from mtl_cli.data.table import Array, Table, split_off
from mtl_cli.tasks import Task


@dataclass(frozen=True)
class Data:
    """A data set, encoded.

    Attributes:
        splits: `train`, and `valid` and `test` where the data set has them.
        row_numbers: by split, each row's number in its file, from 0.
        encoder: what the features learnt from the training rows.
        fingerprint: SHA-256 of the files' contents.
    """

    splits: dict[str, Table]
    row_numbers: dict[str, Array]
    encoder: FeatureEncoder
    fingerprint: str


def load(dataset: Dataset, tasks: dict[str, Task]) -> Data:
    """Reads, splits and encodes a data set.

    Vocabularies, cuts and scales are learnt from the training rows alone, without
    those held out for validation.

    Args:
        dataset: where the rows are and what the columns mean.
        tasks: whose labels are needed.

    Raises:
        DataError: if a file does not hold what the configuration says.
    """
    columns = {name: f"dataset.features.{name}" for name in dataset.features}
    columns |= {t.label: f"dataset.tasks.{n}.label" for n, t in tasks.items()}
    paths = {"train": dataset.train, "valid": dataset.valid, "test": dataset.test}
    paths = {split: path for split, path in paths.items() if path is not None}
    tables = {
        split: read(f"dataset.{split}", str(path), columns)
        for split, path in paths.items()
    }
    row_numbers = {s: np.arange(table.num_rows) for s, table in tables.items()}
    if dataset.valid_fraction:
        kept, held = split_off(
            tables["train"].num_rows, dataset.valid_fraction, dataset.split_seed
        )
        everything = tables["train"]
        tables |= {"train": everything.take(kept), "valid": everything.take(held)}
        row_numbers |= {"train": kept, "valid": held}
    encoder = FeatureEncoder.fit(dataset.features, tables["train"])
    return Data(
        {split: encode(table, encoder, tasks) for split, table in tables.items()},
        row_numbers,
        encoder,
        fingerprint([str(path) for path in paths.values()]),
    )


def encode(table: pa.Table, encoder: FeatureEncoder, tasks: dict[str, Task]) -> Table:
    """Encodes the rows of one split."""
    labels = {n: labels_of(n, task, table[task.label]) for n, task in tasks.items()}
    ones = np.ones(table.num_rows, "float32")
    return Table(encoder.transform(table), labels, dict.fromkeys(tasks, ones))
