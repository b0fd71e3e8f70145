"""Counts over the raw rows: empty cells, repeated rows, labels, unseen values."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mtl_cli.columns.cells import empty_cells
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.split import SPLITS, Codes
from mtl_cli.data.table import NO_GROUP, Array, Table
from mtl_cli.heads.base import Output

Hashes = npt.NDArray[np.uint64]

# In larger tables, only rows whose hash is a multiple of a step are compared. Equal
# rows have equal hashes, so the choice is the same in all splits.
MAX_HASHES = 1_000_000


class Profile:
    """Counts over raw rows, gathered chunk by chunk in bounded memory.

    Args:
        rows: the number of rows in all files.

    Attributes:
        label_counts: {output: {split: {`rows`: number of rows that count for the
            output, `positives`: number of positive rows among them}}}; only binary
            outputs have `positives`.
        without_group: {split: number of rows whose group cell is empty}.
        early_rows: {split: number of rows of other files that are earlier than the last
            training row}, of a split by time.
    """

    def __init__(self, rows: int) -> None:
        self.label_counts: dict[str, dict[str, dict[str, int]]] = {}
        self.without_group: dict[str, int] = {}
        self.early_rows: dict[str, int] = {}
        self._rows: Counter[str] = Counter()  # {file: rows}
        # {column: {file: empty cells}}
        self._empty: dict[str, Counter[str]] = defaultdict(Counter)
        # {feature: unseen values and all values in each split, (2, splits)}
        self._unseen: dict[str, Array] = {}
        self._hash_step = max(1, -(-rows // MAX_HASHES))
        self._hashes: dict[str, list[Hashes]] = defaultdict(list)  # {split: by chunk}

    def add(self, file: str, table: pa.Table, codes: Codes) -> None:
        """Counts the empty cells of a chunk, and hashes its rows.

        Args:
            file: the file of the rows: `train`, `valid` or `test`.
            table: the chunk.
            codes: the split of each row, positions in `SPLITS`.
        """
        self._rows[file] += table.num_rows
        for column in table.column_names:
            empty = empty_cells(table[column])
            self._empty[column][file] += int(np.count_nonzero(empty))
        hashes = row_hashes(table)
        is_compared = hashes % self._hash_step == 0
        for code in np.unique(codes):
            self._hashes[SPLITS[code]].append(hashes[(codes == code) & is_compared])

    def count_labels(self, outputs: list[Output], split: str, rows: Table) -> None:
        """Counts the labels, and the empty group cells, of some rows of a split."""
        if rows.groups is not None:
            without_group = int((rows.groups == NO_GROUP).sum())
            self.without_group[split] = self.without_group.get(split, 0) + without_group
        for output in outputs:
            is_counted = rows.weights[output.name] > 0
            counts = {"rows": int(is_counted.sum())}
            if output.task.BINARY_LABELS:
                counts["positives"] = int(rows.labels[output.label][is_counted].sum())
            by_split = self.label_counts.setdefault(output.name, {})
            before = by_split.get(split, {})
            by_split[split] = {k: n + before.get(k, 0) for k, n in counts.items()}

    def count_unseen(
        self,
        features: FeatureSet,
        table: pa.Table,
        encoded: dict[str, Array],
        codes: Codes,
    ) -> None:
        """Counts all values of each feature, and the values without an id of their own.

        Args:
            features: the fitted features.
            table: the chunk.
            encoded: the encoded rows, {input of the network: (rows, width)}.
            codes: the split of each row, positions in `SPLITS`.
        """
        for name, rows in features.unseen(table, encoded).items():
            counts = np.stack(
                [np.bincount(codes[x], minlength=len(SPLITS)) for x in rows]
            )
            self._unseen[name] = self._unseen.get(name, 0) + counts

    def missing(self, columns: list[str]) -> dict[str, float]:
        """Returns the share of empty cells of the emptiest column, {file: share}."""
        return {
            file: max(self._empty[column][file] for column in columns) / rows
            for file, rows in self._rows.items()
        }

    def unseen(self, name: str, splits: Iterable[str]) -> dict[str, float]:
        """Returns {split: share of the values that have no id of their own}.

        Args:
            name: a feature's name.
            splits: the names of the splits.

        Returns: {} if the feature does not report unseen values.
        """
        if name not in self._unseen:
            return {}
        shares = self._unseen[name][0] / np.maximum(self._unseen[name][1], 1)
        return {split: float(shares[SPLITS.index(split)]) for split in splits}

    def repeated(self) -> dict[str, float]:
        """Returns {split other than train: share of rows that equal a training row}."""
        hashes = {s: np.concatenate(chunks) for s, chunks in self._hashes.items()}
        train = np.unique(hashes.pop("train"))
        return {
            split: float(np.isin(x, train).mean()) if len(x) else 0.0
            for split, x in hashes.items()
        }


def row_hashes(table: pa.Table) -> Hashes:
    """Returns a hash of each row's cells, (rows,)."""
    row_hash = np.zeros(table.num_rows, "uint64")
    for column in table.columns:
        values: Any = column.combine_chunks()
        if pa.types.is_nested(values.type):
            values = pa.array([str(v) for v in values.to_pylist()], pa.string())
        encoded = values.dictionary_encode()
        distinct = encoded.dictionary.to_pandas().to_numpy()
        hashes: Any = pd.util.hash_array(distinct, categorize=False)
        codes = np.asarray(encoded.indices.cast(pa.int64()).fill_null(-1))
        cell_hash = np.append(hashes, np.uint64(0))[codes]  # 0 where a cell is empty
        row_hash = row_hash * np.uint64(1_000_003) + cell_hash
    return row_hash
