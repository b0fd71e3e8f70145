"""Encoded rows, ready for a network: in memory, or read from disk when needed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
NO_GROUP = -1
# The dictionaries of arrays in a `Table`.
KINDS = ("features", "labels", "weights", "truths", "population", "log_rates")


@dataclass(frozen=True)
class Table:
    """Rows of one split.

    Attributes:
        features: the network's inputs: `ids` (rows, F), `dense` (rows, K), `sequences`
            and `sequence_weights` (rows, L).
        labels: the labels of each task, {task: (rows,)}, float64 of a regression, else
            float32; NaN where a row has no label.
        weights: the weight of each row in an output's loss and metrics, {output:
            float32 (rows,)}; 0 where the row has no label or lies outside the output's
            space.
        population: the weight of each row in an output's metrics, {output: float32
            (rows,)}, for the outputs whose rows are a sample: a row stands for the
            rows like it that the data lack. See `metric_weights`.
        log_rates: the logarithm of the share of rows like this one, with label 0, that
            the data keep, {task: float32 (rows,)}, for the tasks with a column of it.
        groups: the group of each row for group AUC, whole numbers from 0 (rows,);
            `NO_GROUP` where the cell is empty. None if the data set has no groups.
        truths: the true probability of each row, {output: float32 (rows,)}, for the
            outputs whose true probability is known.
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
        """The weight of each row in an output's metrics, {output: (rows,)}."""
        return self.weights | self.population

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.features.values())))

    def take(self, rows: Array | slice) -> "Table":
        """Returns the rows that an index selects: a mask, row numbers or a slice."""
        return as_table({key: x[rows] for key, x in as_arrays(self).items()})

    def read(self, start: int, stop: int) -> "Table":
        """Returns the rows from `start` up to `stop`."""
        return self.take(slice(start, stop))


def as_arrays(table: Table) -> dict[str, Array]:
    """Returns all arrays of a table: `features.ids`, `labels.TASK`, ..., `groups`."""
    arrays = {
        f"{kind}.{name}": x
        for kind in KINDS
        for name, x in getattr(table, kind).items()
    }
    return arrays if table.groups is None else arrays | {"groups": table.groups}


def as_table(arrays: Mapping[str, Array]) -> Table:
    """Returns the table of the arrays that `as_arrays` has returned."""
    by_kind: dict[str, dict[str, Array]] = {kind: {} for kind in KINDS}
    for key, x in arrays.items():
        kind, _, name = key.partition(".")
        if kind in by_kind:
            by_kind[kind][name] = x
    return Table(**by_kind, groups=arrays.get("groups"))


@dataclass(frozen=True)
class ArrayFile:
    """An array on disk, row after row.

    Attributes:
        path: the file.
        dtype: the NumPy type of the array's numbers.
        width: the length of a row; None for an array of one dimension.
    """

    path: Path
    dtype: str
    width: int | None

    def read(self, start: int, stop: int) -> Array:
        """Reads the rows from `start` up to `stop`."""
        width = 1 if self.width is None else self.width
        row_bytes = np.dtype(self.dtype).itemsize * width
        flat = np.fromfile(
            self.path, self.dtype, (stop - start) * width, offset=start * row_bytes
        )
        return flat if self.width is None else flat.reshape(-1, width)

    def map(self, rows: int) -> Array:
        """Maps all rows into memory: the system reads the parts that are used."""
        shape = (rows,) if self.width is None else (rows, self.width)
        return np.asarray(np.memmap(self.path, self.dtype, "r", shape=shape))


class StoredTable:
    """The rows of one split on disk: the arrays of a `Table`, one file per array.

    Args:
        rows: the number of rows.
        arrays: the file of each array, by its name in `as_arrays`.
    """

    def __init__(self, rows: int, arrays: dict[str, ArrayFile]) -> None:
        self.rows = rows
        self.arrays = arrays

    def read(self, start: int, stop: int) -> Table:
        """Reads the rows from `start` up to `stop`."""
        stop = min(stop, self.rows)
        return as_table({key: a.read(start, stop) for key, a in self.arrays.items()})

    def mapped(self) -> Table:
        """Returns a table whose arrays are mapped into memory."""
        return as_table({key: a.map(self.rows) for key, a in self.arrays.items()})

    def read_kind(self, kind: str) -> dict[str, Array]:
        """Reads all rows of the arrays of one kind, one of `KINDS`: {name: array}."""
        return {
            key.removeprefix(f"{kind}."): array.read(0, self.rows)
            for key, array in self.arrays.items()
            if key.startswith(f"{kind}.")
        }

    @property
    def labels(self) -> dict[str, Array]:
        """The labels of all rows, read from disk; see `Table`."""
        return self.read_kind("labels")

    @property
    def weights(self) -> dict[str, Array]:
        """The weights of all rows, read from disk; see `Table`."""
        return self.read_kind("weights")

    @property
    def metric_weights(self) -> dict[str, Array]:
        """The weights in metrics of all rows, read from disk; see `Table`."""
        return self.weights | self.read_kind("population")

    @property
    def truths(self) -> dict[str, Array]:
        """The true probabilities of all rows, read from disk; see `Table`."""
        return self.read_kind("truths")

    @property
    def groups(self) -> Array | None:
        """The groups of all rows, read from disk; see `Table`."""
        groups = self.arrays.get("groups")
        return None if groups is None else groups.read(0, self.rows)
