"""Fitters learn what a feature needs from the training rows, chunk by chunk.

A feature learns, for example, a vocabulary, the edges of buckets, or a mean.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa

from mtl_cli.columns.cells import Mask
from mtl_cli.columns.numeric import Floats
from mtl_cli.columns.vocabulary import Categorical, ValueCounter


class Learnt(dict[str, Any]):
    """The JSON values that a feature has learnt from the training rows, by name."""

    @cached_property
    def vocabulary(self) -> pa.Array:
        """The values that have an id of their own, in the order of their ids."""
        return pa.array(self["vocabulary"], pa.string())


class Fitter:
    """The base class of fitters. It learns nothing, and only checks the cells.

    Args:
        read: a function that returns the values of a table, and raises a `DataError` if
            a cell is wrong, see `Feature.read`.
    """

    def __init__(self, read: Callable[[pa.Table], Any]) -> None:
        self.read = read

    def add(self, table: pa.Table, is_training: Mask, is_sampled: Mask) -> None:
        """Checks all rows of a chunk, and learns from its training rows.

        `is_sampled` is a mask of a random sample of the training rows, (rows,). Scales
        and buckets are learnt from the sample.
        """
        self.read(table)

    def merge(self, other: Self) -> None:
        """Adds the counts of a feature that uses this feature's embedding table."""

    def learnt(self) -> dict[str, Any]:
        """Returns what the fitter has learnt, {name: JSON value}."""
        return {}


class VocabularyFitter(Fitter):
    """Counts the values of a feature, and learns its vocabulary.

    Args:
        read: a function that returns the values of a table, one per row.
        min_count: the vocabulary leaves out values that occur less often. None for a
            feature that uses the embedding table of another feature: the fitter of the
            other feature merges these counts, and learns the vocabulary.
    """

    def __init__(
        self, read: Callable[[pa.Table], Any], min_count: int | None = 1
    ) -> None:
        super().__init__(read)
        self.min_count = min_count
        self.counter = ValueCounter()

    def add(self, table: pa.Table, is_training: Mask, is_sampled: Mask) -> None:
        categories, codes = self.read(table)
        self.counter.add(Categorical(categories, codes[is_training]))

    def merge(self, other: Self) -> None:
        self.counter.add_counts(other.counter.counts)

    def learnt(self) -> dict[str, Any]:
        if self.min_count is None:
            return {}
        return {"vocabulary": self.counter.vocabulary(self.min_count)}


class SampleFitter(Fitter):
    """Learns from a random sample of a feature's numbers.

    Args:
        read: a function that returns the numbers of a table, one per row, NaN for empty
            cells.
        fit: a function that takes all sampled numbers without NaN, and returns what the
            feature learns from these numbers, {name: JSON value}.
    """

    def __init__(
        self,
        read: Callable[[pa.Table], Floats],
        fit: Callable[[Floats], dict[str, Any]],
    ) -> None:
        super().__init__(read)
        self.fit = fit
        self.samples: list[Floats] = []

    def add(self, table: pa.Table, is_training: Mask, is_sampled: Mask) -> None:
        self.samples.append(self.read(table)[is_sampled])

    def learnt(self) -> dict[str, Any]:
        x = np.concatenate(self.samples)
        x = x[~np.isnan(x)]
        # A column without any number is fitted as if it held one 0.
        return self.fit(x if len(x) else np.zeros(1))
