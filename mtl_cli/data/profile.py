"""Counts over the rows of all tables: empty cells, repeated rows, unseen values."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mtl_cli.columns.arrow_types import as_whole_numbers
from mtl_cli.data.feature_set import FeatureSet, empty_rows
from mtl_cli.data.split import SPLITS, Codes
from mtl_cli.data.table import Array

# About this number of row hashes is kept to find repeated rows. If there are more rows,
# only the rows whose hash is a multiple of a certain number are compared. Equal rows
# have equal hashes, so a row is compared either in all splits or in none.
MAX_HASHES = 1_000_000


class Profile:
    """Counts over raw rows, gathered chunk by chunk in bounded memory.

    `num_rows` is the number of rows of all tables.
    """

    def __init__(self, num_rows: int) -> None:
        self._num_rows = Counter[str]()  # {table: number of rows}
        # {(feature, table): number of rows with an empty cell}
        self._num_empty = Counter[tuple[str, str]]()
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
        table_name: str,
        table: pa.Table,
        encoded: dict[str, Array],
        codes: Codes,
    ) -> None:
        """Counts the empty rows, all values and the unseen values of each feature.

        See `FeatureSet.unseen_and_all_rows` for what counts as unseen. `encoded` are
        the rows of `table`, encoded.
        """
        self._num_rows[table_name] += table.num_rows
        for name, feature in features.by_name.items():
            num_empty = int(empty_rows(feature, name, table).sum())
            self._num_empty[name, table_name] += num_empty
        for name, rows in features.unseen_and_all_rows(table, encoded).items():
            counts = [np.bincount(codes[x], minlength=len(SPLITS)) for x in rows]
            earlier_counts = self._num_unseen_and_all.get(name, 0)
            self._num_unseen_and_all[name] = earlier_counts + np.stack(counts)

    def missing_fractions(self, name: str) -> dict[str, float]:
        """Returns {table: fraction of its rows with an empty cell of a feature}."""
        return {
            table_name: self._num_empty[name, table_name] / num_rows
            for table_name, num_rows in self._num_rows.items()
        }

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
    row_hash = np.zeros(table.num_rows, "uint64")
    for column in table.columns:
        # Each distinct cell is hashed once. The hashes are then copied into the rows.
        values: Any = column.combine_chunks()
        is_extension = isinstance(values.type, pa.BaseExtensionType)
        if is_extension or pa.types.is_nested(values.type):  # Arrow cannot encode these
            values = pa.array([str(v) for v in values.to_pylist()], pa.string())
        if pa.types.is_time(values.type):  # pandas cannot hold nanoseconds of a day
            values = as_whole_numbers(values)
        encoded = values.dictionary_encode()
        distinct = encoded.dictionary.to_pandas().to_numpy()
        hashes: Any = pd.util.hash_array(distinct, categorize=False)
        codes = np.asarray(encoded.indices.cast(pa.int64()).fill_null(-1))
        # The code -1 of an empty cell takes the appended 0.
        cell_hash = np.append(hashes, np.uint64(0))[codes]
        row_hash = row_hash * np.uint64(1_000_003) + cell_hash
    return row_hash
