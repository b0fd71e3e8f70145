"""Encoded rows, ready for a network: in memory, or read from disk when needed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
NO_GROUP = -1  # the group of a row whose group cell is empty
# The attributes of a `Table` that are dictionaries of arrays.
DICTIONARIES = ("features", "labels", "weights", "truths", "population", "log_rates")


@dataclass(frozen=True)
class Table:
    """Rows of one split.

    Attributes:
        features: {input of the network: (rows, width)}, see `INPUT_TYPES`.
        labels: {task: the label of each row, (rows,)}. NaN where a row has no label.
            Labels of a regression are float64, other labels float32.
        weights: {output: the weight of each row in the loss and the metrics, float32
            (rows,)}. 0 where a row has no label or lies outside the output's space.
        population: {output: the weight of each row in the metrics, float32 (rows,)},
            for outputs whose rows are a sample. If the data lack some of the rows with
            label 0, the remaining rows with label 0 have more weight. See
            `metric_weights`.
        log_rates: {task: the logarithm of each row's sampling rate, float32 (rows,)},
            for tasks with a column of sampling rates. The rate of a row is the fraction
            of the rows with label 0 that the data keep, among all rows like this row.
        groups: the group of each row for group AUC, whole numbers from 0 (rows,);
            `NO_GROUP` where the cell is empty. None if the data set has no groups.
        truths: {output: the true probability of each row, float32 (rows,)}, for outputs
            whose true probability is known.
    """

    features: dict[str, Array]
    labels: dict[str, Array]
    weights: dict[str, Array]
    groups: Array | None = None
    truths: dict[str, Array] = field(default_factory=dict)
    population: dict[str, Array] = field(default_factory=dict)
    log_rates: dict[str, Array] = field(default_factory=dict)

    @property
    def metric_weights(self) -> dict[str, Array]:
        """{output: the weight of each row in the metrics, (rows,)}."""
        return self.weights | self.population

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.features.values())))

    def take(self, rows: Array | slice) -> "Table":
        """Returns some of the rows.

        Args:
            rows: a mask, row numbers or a slice.
        """
        return as_table({key: array[rows] for key, array in as_arrays(self).items()})

    def read(self, start: int, stop: int) -> "Table":
        """Returns the rows from `start` up to `stop`."""
        return self.take(slice(start, stop))


def as_arrays(table: Table) -> dict[str, Array]:
    """Returns all arrays of a table in one dictionary.

    The keys are, for instance, `features.ids`, `labels.TASK` and `groups`.
    """
    arrays = {
        f"{attribute}.{name}": array
        for attribute in DICTIONARIES
        for name, array in getattr(table, attribute).items()
    }
    return arrays if table.groups is None else arrays | {"groups": table.groups}


def concatenate(tables: Iterable[Table]) -> Table:
    """Joins the rows of several tables into one table."""
    parts = [as_arrays(table) for table in tables]
    return as_table(
        {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    )


def as_table(arrays: Mapping[str, Array]) -> Table:
    """Makes a table of its arrays: the reverse of `as_arrays`."""
    dictionaries: dict[str, dict[str, Array]] = {name: {} for name in DICTIONARIES}
    for key, array in arrays.items():
        attribute, _, name = key.partition(".")
        if attribute in dictionaries:
            dictionaries[attribute][name] = array
    return Table(**dictionaries, groups=arrays.get("groups"))


@dataclass(frozen=True)
class ArrayFile:
    """An array on disk, row after row.

    Attributes:
        path: the file.
        dtype: the NumPy type of the array's numbers.
        width: the number of values in a row; None for an array of one dimension.
    """

    path: Path
    dtype: str
    width: int | None

    def read(self, start: int, stop: int) -> Array:
        """Reads the rows from `start` up to `stop`."""
        width = 1 if self.width is None else self.width
        row_bytes = np.dtype(self.dtype).itemsize * width
        values = np.fromfile(
            self.path, self.dtype, (stop - start) * width, offset=start * row_bytes
        )
        return values if self.width is None else values.reshape(-1, width)

    def map(self, num_rows: int) -> Array:
        """Maps all rows into memory.

        The operating system reads a part of the file when the part is used.
        """
        shape = (num_rows,) if self.width is None else (num_rows, self.width)
        return np.asarray(np.memmap(self.path, self.dtype, "r", shape=shape))


class StoredTable:
    """The rows of one split on disk: the arrays of a `Table`, one file per array.

    Args:
        num_rows: the number of rows.
        files: {key of an array in `as_arrays`: its file}.
    """

    def __init__(self, num_rows: int, files: dict[str, ArrayFile]) -> None:
        self.num_rows = num_rows
        self.files = files

    def read(self, start: int, stop: int) -> Table:
        """Reads the rows from `start` up to `stop`."""
        stop = min(stop, self.num_rows)
        return as_table({key: f.read(start, stop) for key, f in self.files.items()})

    def mapped(self) -> Table:
        """Returns a table whose arrays are mapped into memory."""
        return as_table({key: f.map(self.num_rows) for key, f in self.files.items()})

    def read_dictionary(self, attribute: str) -> dict[str, Array]:
        """Reads all rows of one of the `DICTIONARIES`, {name: array}."""
        return {
            key.removeprefix(f"{attribute}."): file.read(0, self.num_rows)
            for key, file in self.files.items()
            if key.startswith(f"{attribute}.")
        }

    @property
    def labels(self) -> dict[str, Array]:
        """The labels of all rows, read from disk; see `Table`."""
        return self.read_dictionary("labels")

    @property
    def weights(self) -> dict[str, Array]:
        """The weights of all rows, read from disk; see `Table`."""
        return self.read_dictionary("weights")

    @property
    def metric_weights(self) -> dict[str, Array]:
        """The weight of all rows in metrics, read from disk; see `Table`."""
        return self.weights | self.population

    @property
    def population(self) -> dict[str, Array]:
        """The weights of outputs whose rows are a sample, from disk; see `Table`."""
        return self.read_dictionary("population")

    @property
    def truths(self) -> dict[str, Array]:
        """The true probabilities of all rows, read from disk; see `Table`."""
        return self.read_dictionary("truths")

    @property
    def groups(self) -> Array | None:
        """The groups of all rows, read from disk; see `Table`."""
        file = self.files.get("groups")
        return None if file is None else file.read(0, self.num_rows)
