"""Encoded rows, ready for a network: in memory, or read from disk as they are used."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
NO_GROUP = -1


@dataclass(frozen=True)
class Table:
    """Rows of one split.

    Attributes:
        features: the network's inputs: `ids` (rows, F), `dense` (rows, K), `sequences`
            and `sequence_weights` (rows, L).
        labels: by task, float32 (rows,); NaN where a row has none.
        weights: by output, float32 (rows,): what a row counts in the output's loss
            and metrics; 0 where it has no label or lies outside the output's space.
        groups: of group AUC, whole numbers from 0 (rows,), `NO_GROUP` where the cell
            is empty; or None.
        truths: by output, float32 (rows,): the true probability, where it is known.
    """

    features: dict[str, Array]
    labels: dict[str, Array]
    weights: dict[str, Array]
    groups: Array | None = None
    truths: dict[str, Array] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(next(iter(self.features.values())))

    def take(self, rows: Any) -> "Table":
        """Returns the rows of these numbers, or of a slice."""
        return Table(
            {name: x[rows] for name, x in self.features.items()},
            {task: x[rows] for task, x in self.labels.items()},
            {name: x[rows] for name, x in self.weights.items()},
            None if self.groups is None else self.groups[rows],
            {name: x[rows] for name, x in self.truths.items()},
        )

    def read(self, start: int, stop: int) -> "Table":
        """Returns the rows from `start` up to `stop`."""
        return self.take(slice(start, stop))


@dataclass(frozen=True)
class ArrayFile:
    """An array on disk, rows one after another.

    Attributes:
        path: of the file.
        dtype: of the numbers.
        width: numbers a row; None for an array of one dimension.
    """

    path: Path
    dtype: str
    width: int | None

    def read(self, start: int, stop: int) -> Array:
        """Reads the rows from `start` up to `stop`."""
        width = 1 if self.width is None else self.width
        size = np.dtype(self.dtype).itemsize * width
        flat = np.fromfile(
            self.path, self.dtype, (stop - start) * width, offset=start * size
        )
        return flat if self.width is None else flat.reshape(-1, width)

    def map(self, rows: int) -> Array:
        """Maps all rows into memory, to be read as they are touched."""
        shape = (rows,) if self.width is None else (rows, self.width)
        return np.asarray(np.memmap(self.path, self.dtype, "r", shape=shape))


class StoredTable:
    """Rows of one split on disk.

    Args:
        rows: how many.
        arrays: by what they are: `features.ids`, `labels.income`, `groups`, ...
    """

    def __init__(self, rows: int, arrays: dict[str, ArrayFile]) -> None:
        self.rows = rows
        self.arrays = arrays

    def read(self, start: int, stop: int) -> Table:
        """Reads the rows from `start` up to `stop`."""
        stop = min(stop, self.rows)
        return as_table({name: a.read(start, stop) for name, a in self.arrays.items()})

    def table(self) -> Table:
        """Maps all rows into memory."""
        return as_table({name: a.map(self.rows) for name, a in self.arrays.items()})

    def whole(self, kind: str) -> dict[str, Array]:
        """Reads all rows of the arrays of one kind: `labels`, `weights`, ..."""
        return {
            name.partition(".")[2]: array.read(0, self.rows)
            for name, array in self.arrays.items()
            if name.partition(".")[0] == kind
        }

    @property
    def labels(self) -> dict[str, Array]:
        """As of `Table`."""
        return self.whole("labels")

    @property
    def weights(self) -> dict[str, Array]:
        """As of `Table`."""
        return self.whole("weights")

    @property
    def groups(self) -> Array | None:
        """As of `Table`."""
        return self.whole("groups").get("")

    @property
    def truths(self) -> dict[str, Array]:
        """As of `Table`."""
        return self.whole("truths")


def as_arrays(table: Table) -> dict[str, Array]:
    """Returns a table's arrays by what they are, `features.ids`, `labels.income`."""
    kinds = ("features", "labels", "weights", "truths")
    arrays = {
        f"{kind}.{name}": x
        for kind in kinds
        for name, x in getattr(table, kind).items()
    }
    return arrays if table.groups is None else arrays | {"groups": table.groups}


def as_table(arrays: dict[str, Array]) -> Table:
    """Returns the table that `as_arrays` took apart."""
    parts: dict[str, dict[str, Array]] = {}
    for name, x in arrays.items():
        kind, _, part = name.partition(".")
        parts.setdefault(kind, {})[part] = x
    return Table(
        parts.get("features", {}),
        parts.get("labels", {}),
        parts.get("weights", {}),
        arrays.get("groups"),
        parts.get("truths", {}),
    )
