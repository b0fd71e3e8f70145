"""From a data set's configuration to encoded splits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from mtl_cli.data.features import FeatureEncoder, check_columns
from mtl_cli.data.labels import labels_of
from mtl_cli.data.read import fingerprint, read
from mtl_cli.data.schema import Dataset
from mtl_cli.data.table import Array, Table, split_off
from mtl_cli.errors import DataError
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
    labels = {}
    for split, table in tables.items():
        with in_file(str(paths[split])):
            check_columns(dataset.features, table)
            labels[split] = {
                name: labels_of(name, task, table[task.label], split == "train")
                for name, task in tasks.items()
            }
    row_numbers = {split: np.arange(table.num_rows) for split, table in tables.items()}
    if dataset.valid_fraction:
        train, valid = split_off(
            tables["train"].num_rows, dataset.valid_fraction, dataset.split_seed
        )
        row_numbers |= {"train": train, "valid": valid}
        tables["valid"], labels["valid"] = tables["train"], labels["train"]
    encoder = FeatureEncoder.fit(
        dataset.features, tables["train"].take(row_numbers["train"])
    )
    splits = {}
    for split, rows in row_numbers.items():
        with in_file(str(paths.get(split, dataset.train))):
            features = encoder.transform(tables[split].take(rows))
        mine = {task: y[rows] for task, y in labels[split].items()}
        splits[split] = Table(
            features, mine, {task: np.ones_like(y) for task, y in mine.items()}
        )
    files = [str(path) for path in paths.values()]
    return Data(splits, row_numbers, encoder, fingerprint(files))


@contextmanager
def in_file(path: str) -> Iterator[None]:
    """Adds the file to what is said of its content."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{error} [{path}]") from None
