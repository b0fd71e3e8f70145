"""Fitters learn what a feature needs from the training rows, chunk by chunk.

A feature learns, for example, a vocabulary, the edges of buckets, or a mean.
"""

import re
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_list
from mtl_cli.columns.cells import Mask
from mtl_cli.columns.lists import Tokens
from mtl_cli.columns.numeric import Floats
from mtl_cli.columns.vocabulary import Integers, common_spelling
from mtl_cli.core.errors import DataError

# Longer texts of digits are sorted as text: Python refuses to convert them to `int`.
MAX_DIGITS = 1000
WHOLE_NUMBER = re.compile(rf"0|-?[1-9][0-9]{{0,{MAX_DIGITS - 1}}}")
COMMON_SEPARATORS = (",", ";", "|", "^", "\t", " ")  # of lists in texts
COUNTS_SCHEMA = pa.schema({"value": pa.string(), "count": pa.int64()})


class Learnt(dict[str, Any]):
    """The JSON values that a feature has learnt from the training rows, by name."""

    @cached_property
    def vocabulary(self) -> pa.Array:
        """The values that have an id of their own, in the order of their ids."""
        return pa.array(self["vocabulary"], pa.string())

    @cached_property
    def spellings(self) -> dict[str, str]:
        """{common spelling: value} for the values of the vocabulary."""
        return {common_spelling(value): value for value in self["vocabulary"]}


class Fitter:
    """A fitter that checks the cells and learns nothing: the base class of fitters.

    `read` returns the values of a table, and raises a `DataError` if a cell is wrong.
    """

    def __init__(self, read: Callable[[pa.Table], Any]) -> None:
        self.read = read

    def add(self, table: pa.Table, is_training: Mask, is_sampled: Mask) -> None:
        """Checks all rows of a chunk, and learns from its training rows.

        Both masks are (rows,). `is_sampled` is a random sample of the training rows,
        from which scales and buckets are learnt.
        """
        self.read(table)

    def merge(self, other: Self) -> None:
        """Adds the counts of a fitter whose feature shares this feature's table."""

    def learnt(self) -> dict[str, Any]:
        """Returns {name: JSON value}."""
        return {}


class VocabularyFitter(Fitter):
    """Counts the values of a feature, and learns its vocabulary.

    The memory depends on the number of distinct values, not on the number of rows.

    Args:
        read: see `Fitter`; the values are a `Categorical`.
        min_count: the number of times that a value must occur to be in the vocabulary.
            None if the feature uses the embedding table of another feature, whose
            fitter merges these counts.
        learns_counts: whether the feature needs the counts of the vocabulary's values.
    """

    def __init__(
        self,
        read: Callable[[pa.Table], Any],
        min_count: int | None = 1,
        learns_counts: bool = False,
    ) -> None:
        super().__init__(read)
        self.min_count = min_count
        self.learns_counts = learns_counts
        self.counts = COUNTS_SCHEMA.empty_table()

    def add(self, table: pa.Table, is_training: Mask, is_sampled: Mask) -> None:
        categories, codes = self.read(table)
        self.count(categories, codes[is_training])

    def count(self, categories: pa.Array, codes: Integers) -> None:
        """Counts the values of some rows; see `Categorical` for the arguments."""
        counts = np.bincount(codes[codes >= 0], minlength=len(categories))
        self._add_counts(pa.table({"value": categories, "count": counts}))

    def merge(self, other: Self) -> None:
        self._add_counts(other.counts)

    def _add_counts(self, counts: pa.Table) -> None:
        all_counts = pa.concat_tables([self.counts, counts])
        summed = all_counts.group_by("value").aggregate([("count", "sum")])
        self.counts = summed.rename_columns(COUNTS_SCHEMA.names)

    def learnt(self) -> dict[str, Any]:
        """Returns the sorted vocabulary, and the counts of its values if needed.

        Whole numbers are sorted as numbers.
        """
        if self.min_count is None:
            return {}
        rows = self.counts.filter(pc.field("count") >= self.min_count)
        values: list[str] = [v for v in rows["value"].to_pylist() if v is not None]
        are_whole = all(WHOLE_NUMBER.fullmatch(value) for value in values)
        learnt = {"vocabulary": sorted(values, key=int if are_whole else None)}
        if self.learns_counts:
            columns = rows["value"].to_pylist(), rows["count"].to_pylist()
            counts = dict(zip(*columns, strict=True))
            learnt["counts"] = [counts[value] for value in learnt["vocabulary"]]
        return learnt


class ListFitter(VocabularyFitter):
    """Counts the values of a feature's lists, and checks the separator of its texts.

    Args:
        name: the name of the feature and of its column.
        read: see `Fitter`; the values are `Tokens`.
        min_count: see `VocabularyFitter`.
        separator: the text between the values of a text; None for a column of lists.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[pa.Table], Tokens],
        min_count: int | None,
        separator: str | None,
    ) -> None:
        super().__init__(read, min_count)
        self.name = name
        self.separator = separator
        self.num_cells = 0
        # {separator: the number of cells that contain the separator}
        self.num_containing = Counter[str]()

    def add(self, table: pa.Table, is_training: Mask, is_sampled: Mask) -> None:
        tokens: Tokens = self.read(table)
        categories, codes = tokens.categorical
        self.count(categories, codes[is_training[tokens.row_numbers]])
        column = table[self.name]
        # Lists need no separator, and a separator that occurs is accepted.
        if (
            self.separator is None
            or is_list(column.type)
            or self.num_containing[self.separator]
        ):
            return
        column = pc.drop_null(column.cast(pa.string()))
        self.num_cells += len(column)
        others = [s for s in COMMON_SEPARATORS if s not in self.separator]
        for separator in (self.separator, *others):
            count = pc.sum(pc.match_substring(column, separator)).as_py()
            self.num_containing[separator] += count or 0

    def learnt(self) -> dict[str, Any]:
        """Refuses the separator if more than half of the cells hold another one."""
        counts = self.num_containing
        # Without a separator, or with a column of lists, nothing is counted.
        for likely, count in counts.most_common(1):
            if not counts[str(self.separator)] and count > self.num_cells / 2:
                raise DataError(
                    f"feature {self.name}: no cell holds the separator "
                    f"{self.separator!r}; set separator to {likely!r}, or, if each "
                    "cell is one value, set the feature's kind to sparse"
                )
        return super().learnt()


class MomentsFitter(Fitter):
    """Learns the mean and the standard deviation of each number of a vector.

    The memory does not depend on the number of rows: the moments of each chunk are
    merged into the moments of all earlier chunks (Chan, Golub and LeVeque, 1979).

    Args:
        read: see `Fitter`; the values are vectors, (rows, length). All numbers of an
            empty row are NaN; such rows do not count.
    """

    def __init__(self, read: Callable[[pa.Table], Floats], length: int) -> None:
        super().__init__(read)
        self.count = 0
        self.mean = np.zeros(length)
        # The sum of the squared distances from the mean.
        self.squares = np.zeros(length)
        self.low, self.high = np.full(length, np.inf), np.full(length, -np.inf)

    def add(self, table: pa.Table, is_training: Mask, is_sampled: Mask) -> None:
        x = self.read(table)
        x = x[is_training & ~np.isnan(x[:, 0])]
        if not len(x):
            return
        total = self.count + len(x)
        mean = x.mean(axis=0)
        difference = mean - self.mean
        self.low = np.minimum(self.low, x.min(axis=0))
        self.high = np.maximum(self.high, x.max(axis=0))
        x -= mean  # in place, because a copy of the vectors may take gigabytes
        self.squares += np.square(x, out=x).sum(axis=0)
        self.squares += np.square(difference) * (self.count * len(x) / total)
        self.mean += difference * (len(x) / total)
        self.count = total

    def learnt(self) -> dict[str, Any]:
        # Rounding could make the deviation of equal numbers greater than 0.
        is_constant = self.low == self.high
        variance = self.squares / max(self.count, 1)
        return {
            "mean": np.where(is_constant, self.low, self.mean).tolist(),
            "deviation": np.where(is_constant, 0, np.sqrt(variance)).tolist(),
        }


class SampleFitter(Fitter):
    """Learns from a random sample of a feature's numbers, without NaN, by `fit`.

    The lowest and the highest number that the sample leaves out are added to it, so
    that a range of the sample is the range of all training rows.
    """

    def __init__(
        self,
        read: Callable[[pa.Table], Floats],
        fit: Callable[[Floats], dict[str, Any]],
    ) -> None:
        super().__init__(read)
        self.fit = fit
        self.samples: list[Floats] = []
        self.low, self.high = np.inf, -np.inf  # of the numbers that are left out

    def add(self, table: pa.Table, is_training: Mask, is_sampled: Mask) -> None:
        x = self.read(table)
        self.samples.append(x[is_sampled])
        left_out = x[is_training & ~is_sampled]
        if not np.isnan(left_out).all():
            self.low = min(self.low, float(np.nanmin(left_out)))
            self.high = max(self.high, float(np.nanmax(left_out)))

    def learnt(self) -> dict[str, Any]:
        x = np.concatenate(self.samples)
        if self.low <= self.high:
            x = np.append(x, [self.low, self.high])
        x = x[~np.isnan(x)]
        # A column without any number is fitted as if it held one 0.
        return self.fit(x if len(x) else np.zeros(1))
