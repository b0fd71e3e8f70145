"""From a data set's configuration to encoded splits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mtl_cli.data.features import FeatureEncoder, check_columns
from mtl_cli.data.labels import label_columns, labels_and_weights
from mtl_cli.data.read import fingerprint, read
from mtl_cli.data.schema import Dataset, Sparse
from mtl_cli.data.split import source, split_rows
from mtl_cli.data.table import Array, Table
from mtl_cli.errors import DataError
from mtl_cli.tasks import Output


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


def load(dataset: Dataset, outputs: list[Output]) -> Data:
    """Reads, splits and encodes a data set.

    Vocabularies, cuts and scales are learnt from the training rows alone, without
    those held out for validation.

    Args:
        dataset: where the rows are and what the columns mean.
        outputs: of the model, whose labels are needed.

    Raises:
        DataError: if a file does not hold what the configuration says.
    """
    features = dataset.used_features
    columns = {name: f"dataset.features.{name}" for name in features}
    columns |= label_columns(dataset, outputs)
    paths = {"train": dataset.train, "valid": dataset.valid, "test": dataset.test}
    paths = {file: path for file, path in paths.items() if path is not None}
    tables, labels, weights = {}, {}, {}
    for file, path in paths.items():
        tables[file] = table = read(
            f"dataset.{file}", str(path), columns, csv_types(dataset, outputs)
        )
        with in_file(str(path)):
            check_columns(features, table)
            labels[file], weights[file] = labels_and_weights(
                dataset, outputs, table, file == "train"
            )
    row_numbers = split_rows(dataset, tables)
    encoder = FeatureEncoder.fit(features, tables["train"].take(row_numbers["train"]))
    splits = {}
    for split, rows in row_numbers.items():
        file = source(dataset, split)
        table = tables[file].take(rows)
        with in_file(str(paths[file])):
            encoded = encoder.transform(table)
        group = dataset.group_column
        splits[split] = Table(
            encoded,
            {task: y[rows] for task, y in labels[file].items()},
            {name: weight[rows] for name, weight in weights[file].items()},
            None if group is None else codes(table[group]),
        )
    files = [str(path) for path in paths.values()]
    return Data(splits, row_numbers, encoder, fingerprint(files))


def csv_types(dataset: Dataset, outputs: list[Output]) -> dict[str, pa.DataType]:
    """Returns what the columns of a CSV file hold, as far as their use tells.

    A file's own rows are no guide: ids 007 and 7 differ, and a file that happens to
    hold only numbers must not differ in type from one that holds words too.
    """
    types = {}
    for output in outputs:
        task = dataset.tasks[output.label]
        if isinstance(task.positive, str):
            types[task.label] = pa.string()
    for name, feature in dataset.used_features.items():
        types[name] = pa.string() if isinstance(feature, Sparse) else pa.float64()
    return types


def codes(column: pa.ChunkedArray) -> Array:
    """Returns a whole number for each distinct value of a column."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(encoded.indices)


@contextmanager
def in_file(path: str) -> Iterator[None]:
    """Adds the file to what is said of its content."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{error} [{path}]") from None
