"""Learn from the training rows what a feature needs, chunk by chunk."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mtl_cli.columns.vocabulary import Counter, Values

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Fitter:
    """Checks the cells of a feature that learns nothing; the base of other fitters.

    Args:
        read: returns the checked values of a table, one per row.
    """

    def __init__(self, read: Callable[[pa.Table], Any]) -> None:
        self.read = read

    def add(self, table: pa.Table, training: Mask, sampled: Mask) -> None:
        """Checks all rows of a chunk, and learns from its training rows.

        Args:
            table: the rows.
            training: True for training rows, (rows,).
            sampled: True for training rows in the random sample that scales and
                buckets are learnt from, (rows,).
        """
        self.read(table)

    def merge(self, other: Self) -> None:
        """Adds what another fitter has learnt for the same embedding table."""

    def learnt(self) -> dict[str, Any]:
        """Returns what was learnt, as JSON values."""
        return {}


class VocabularyFitter(Fitter):
    """Counts the values of a feature.

    Args:
        read: returns the checked values of a table, one per row.
        min_count: the vocabulary leaves rarer values out; None if another feature owns
            the vocabulary.
    """

    def __init__(
        self, read: Callable[[pa.Table], Any], min_count: int | None = 1
    ) -> None:
        super().__init__(read)
        self.min_count = min_count
        self.counter = Counter()

    def add(self, table: pa.Table, training: Mask, sampled: Mask) -> None:
        values: Values = self.read(table)
        self.counter.add(Values(values.distinct, values.codes[training]))

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
        fit: returns what is learnt from numbers without NaN, as JSON values.
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
        present = x[~np.isnan(x)]
        return self.fit(present if len(present) else np.zeros(1))
