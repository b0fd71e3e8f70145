"""Fitters learn from the training rows, chunk by chunk, what a feature needs."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa

from mtl_cli.columns.cells import Mask
from mtl_cli.columns.numeric import Floats
from mtl_cli.columns.vocabulary import Categorical, Counter


class Learnt(dict[str, Any]):
    """JSON values that a feature learnt from the training rows."""

    @cached_property
    def vocabulary(self) -> pa.Array:
        """The values that have an id of their own, in the order of their ids."""
        return pa.array(self["vocabulary"], pa.string())


class Fitter:
    """Checks the cells of a feature that learns nothing; the base of other fitters.

    Args:
        read: returns the checked values of a table, and raises a `DataError` if a
            cell is wrong; see `Feature.read`.
    """

    def __init__(self, read: Callable[[pa.Table], Any]) -> None:
        self.read = read

    def add(self, table: pa.Table, training: Mask, sampled: Mask) -> None:
        """Checks all rows of a chunk, and learns from its training rows.

        Args:
            table: the rows.
            training: a mask of the training rows, (rows,).
            sampled: a mask of a random sample of the training rows, from which scales
                and buckets are learnt, (rows,).
        """
        self.read(table)

    def merge(self, other: Self) -> None:
        """Adds what the fitter of another feature with the same table has learnt."""

    def learnt(self) -> dict[str, Any]:
        """Returns what was learnt, as JSON values."""
        return {}


class VocabularyFitter(Fitter):
    """Counts the values of a feature.

    Args:
        read: returns the values of a table, one per row.
        min_count: the vocabulary leaves out values that occur less often. None if the
            vocabulary belongs to another feature, and its fitter merges this one.
    """

    def __init__(
        self, read: Callable[[pa.Table], Any], min_count: int | None = 1
    ) -> None:
        super().__init__(read)
        self.min_count = min_count
        self.counter = Counter()

    def add(self, table: pa.Table, training: Mask, sampled: Mask) -> None:
        rows: Categorical = self.read(table)
        self.counter.add(Categorical(rows.categories, rows.codes[training]))

    def merge(self, other: Self) -> None:
        self.counter.merge(other.counter)

    def learnt(self) -> dict[str, Any]:
        if self.min_count is None:
            return {}
        return {"vocabulary": self.counter.vocabulary(self.min_count)}


class SampleFitter(Fitter):
    """Learns from a sample of a feature's numbers.

    Args:
        read: returns the numbers of a table, one per row, NaN for empty cells.
        fit: takes numbers without NaN, and returns what it learns as JSON values.
    """

    def __init__(
        self,
        read: Callable[[pa.Table], Floats],
        fit: Callable[[Floats], dict[str, Any]],
    ) -> None:
        super().__init__(read)
        self.fit = fit
        self.samples: list[Floats] = []

    def add(self, table: pa.Table, training: Mask, sampled: Mask) -> None:
        self.samples.append(self.read(table)[sampled])

    def learnt(self) -> dict[str, Any]:
        x = np.concatenate(self.samples)
        x = x[~np.isnan(x)]
        return self.fit(x if len(x) else np.zeros(1))
