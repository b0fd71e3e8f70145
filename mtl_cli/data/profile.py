"""Counts over the rows of all tables: empty cells, repeated rows, unseen values."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import as_whole_numbers, is_list
from mtl_cli.data.feature_set import FeatureSet, empty_rows
from mtl_cli.data.sources import slices_by_size
from mtl_cli.data.split import SPLITS, Codes
from mtl_cli.data.table import Array

# About this number of row hashes is kept to find repeated rows. If there are more rows,
# only the rows whose hash is a multiple of a certain number are compared. Equal rows
# have equal hashes, so a row is compared either in all splits or in none.
MAX_HASHES = 1_000_000
EMPTY_HASH = np.uint64(1)  # the number 0 has the hash 0
HASHED_BYTES = 16 << 20  # hashing takes ten times the memory of the hashed cells
HASH_FACTOR = np.uint64(1_000_003)  # products overflow, and keep their last 64 bits


class Profile:
    """Counts over raw rows, gathered chunk by chunk in bounded memory.

    `num_rows` is the number of rows of all tables.
    """

    def __init__(self, num_rows: int) -> None:
        self._rows_by_split = np.zeros(len(SPLITS), "int64")
        # {feature: the number of rows with an empty cell, (splits,)}
        self._num_empty: dict[str, Array] = {}
        # {feature: the number of unseen values, and of all values, (2, splits)}
        self._num_unseen_and_all: dict[str, Array] = {}
        self._hash_step = max(1, math.ceil(num_rows / MAX_HASHES))
        # {split: the hashes of the compared rows of each chunk}
        self._hashes: dict[str, list[Array]] = defaultdict(list)

    def add(self, table: pa.Table, codes: Codes) -> None:
        """Hashes a chunk's rows."""
        hashes = row_hashes(table)
        is_compared = hashes % self._hash_step == 0
        for code in np.unique(codes):
            self._hashes[SPLITS[code]].append(hashes[(codes == code) & is_compared])

    def count_values(
        self,
        features: FeatureSet,
        table: pa.Table,
        encoded: dict[str, Array],
        codes: Codes,
    ) -> None:
        """Counts the empty rows, all values and the unseen values of each feature.

        See `FeatureSet.unseen_and_all_rows` for what counts as unseen. `encoded` are
        the rows of `table`, encoded.
        """
        self._rows_by_split += np.bincount(codes, minlength=len(SPLITS))
        for name, feature in features.by_name.items():
            is_empty = empty_rows(feature, name, table)
            num_empty = np.bincount(codes[is_empty], minlength=len(SPLITS))
            self._num_empty[name] = self._num_empty.get(name, 0) + num_empty
        for name, rows in features.unseen_and_all_rows(table, encoded).items():
            counts = [np.bincount(codes[x], minlength=len(SPLITS)) for x in rows]
            earlier_counts = self._num_unseen_and_all.get(name, 0)
            self._num_unseen_and_all[name] = earlier_counts + np.stack(counts)

    def missing_fractions(self, name: str, splits: Iterable[str]) -> dict[str, float]:
        """Returns {split: fraction of its rows with an empty cell of a feature}."""
        fractions = self._num_empty[name] / np.maximum(self._rows_by_split, 1)
        return {split: float(fractions[SPLITS.index(split)]) for split in splits}

    def unseen_fractions(self, name: str, splits: Iterable[str]) -> dict[str, float]:
        """Returns {split: fraction of a feature's values that are unseen}.

        Returns {} for features whose unseen values are not counted.
        """
        if name not in self._num_unseen_and_all:
            return {}
        num_unseen, num_values = self._num_unseen_and_all[name]
        fractions = num_unseen / np.maximum(num_values, 1)  # 0 if there are no values
        return {split: float(fractions[SPLITS.index(split)]) for split in splits}

    def repeated_fractions(self) -> dict[str, float]:
        """Returns {split: fraction of its rows that equal a training row}.

        The training split is left out.
        """
        hashes = {split: np.concatenate(x) for split, x in self._hashes.items()}
        train = hashes.pop("train")
        return {
            split: float(np.isin(rows, train).mean()) if len(rows) else 0.0
            for split, rows in hashes.items()
        }


def row_hashes(table: pa.Table) -> Array:
    """Hashes the cells of each row. Equal rows have equal hashes.

    Returns: (rows,).
    """
    hashes = []
    for rows in slices_by_size(table, HASHED_BYTES):
        row_hash = np.zeros(rows.num_rows, "uint64")
        for column in rows.columns:
            row_hash = row_hash * HASH_FACTOR + cell_hashes(column.combine_chunks())
        hashes.append(row_hash)
    return np.concatenate(hashes)


def cell_hashes(cells: Any) -> Array:
    """Hashes each cell of an Arrow array, (cells,)."""
    if is_list(cells.type):
        return list_hashes(cells)
    # Each distinct cell is hashed once. The hashes are then copied to the cells.
    is_extension = isinstance(cells.type, pa.BaseExtensionType)
    if is_extension or pa.types.is_nested(cells.type):  # Arrow cannot encode these
        cells = pa.array([str(v) for v in cells.to_pylist()], pa.string())
    if pa.types.is_time(cells.type):  # pandas cannot hold nanoseconds of a day
        cells = as_whole_numbers(cells)
    encoded = cells.dictionary_encode()
    distinct = encoded.dictionary.to_pandas().to_numpy()
    hashes: Any = pd.util.hash_array(distinct, categorize=False)
    codes = np.asarray(encoded.indices.cast(pa.int64()).fill_null(-1))
    # The code -1 of an empty cell takes the appended hash.
    return np.asarray(np.append(hashes, EMPTY_HASH)[codes])


def list_hashes(lists: Any) -> Array:
    """Hashes the values of each list in their order, (lists,)."""
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0), "int64")
    starts = np.cumsum(lengths) - lengths
    positions = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    factors = np.full(lengths.max(initial=0), HASH_FACTOR).cumprod()
    hashes = cell_hashes(pc.list_flatten(lists)) * factors[positions]
    list_hash = lengths.astype("uint64")
    is_filled = lengths > 0
    if is_filled.any():  # `reduceat` needs at least one start
        list_hash[is_filled] += np.add.reduceat(hashes, starts[is_filled])
    return list_hash
