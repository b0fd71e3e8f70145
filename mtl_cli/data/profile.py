"""Counts over the raw rows while they are read: empty cells, repeated rows, labels."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.split import SPLITS, Codes
from mtl_cli.data.table import NO_GROUP, Array, Table
from mtl_cli.heads.base import Output

Hashes = npt.NDArray[np.uint64]

# Of larger tables only rows with every n-th hash are compared, the same in all splits.
HASHES_KEPT = 1_000_000


class Profile:
    """Counts over raw rows, gathered chunk by chunk in bounded memory.

    Args:
        rows: number of rows in all files.

    Attributes:
        label_counts: {output: {split: counts}}: the `rows` with a label, and for a
            binary output the `positives` among these rows.
        without_group: {split: number of rows whose group cell is empty}.
    """

    def __init__(self, rows: int) -> None:
        self.label_counts: dict[str, dict[str, dict[str, int]]] = {}
        self.without_group: dict[str, int] = {}
        self._rows: Counter[str] = Counter()  # by file
        self._empty: dict[str, Counter[str]] = defaultdict(Counter)  # by column, file
        self._unseen: dict[str, Any] = {}  # by feature: cells in each split
        self._hash_step = max(1, -(-rows // HASHES_KEPT))
        self._hashes: dict[str, list[Hashes]] = defaultdict(list)  # by split

    def add(self, file: str, table: pa.Table, codes: Codes) -> None:
        """Counts the empty cells of some rows, and hashes the rows.

        Args:
            file: the file of the rows.
            table: the rows.
            codes: the split of each row, positions in `SPLITS`.
        """
        self._rows[file] += table.num_rows
        for column in table.column_names:
            empty = pc.is_null(table[column], nan_is_null=True)
            self._empty[column][file] += int(np.count_nonzero(empty))
        hashes = row_hashes(table)
        kept = hashes % self._hash_step == 0
        for code in np.unique(codes):
            self._hashes[SPLITS[code]].append(hashes[(codes == code) & kept])

    def count_labels(self, outputs: list[Output], split: str, rows: Table) -> None:
        """Counts the labels of some rows of a split."""
        if rows.groups is not None:
            without = int((rows.groups == NO_GROUP).sum())
            self.without_group[split] = self.without_group.get(split, 0) + without
        for output in outputs:
            labelled = rows.weights[output.name] > 0
            counts = {"rows": int(labelled.sum())}
            if output.task.BINARY_LABELS:
                counts["positives"] = int(rows.labels[output.label][labelled].sum())
            splits = self.label_counts.setdefault(output.name, {})
            before = splits.get(split, {})
            splits[split] = {k: n + before.get(k, 0) for k, n in counts.items()}

    def count_unseen(
        self,
        features: FeatureSet,
        table: pa.Table,
        encoded: dict[str, Array],
        codes: Codes,
    ) -> None:
        """Counts the cells whose value has no id of its own.

        Args:
            features: fitted.
            table: some rows.
            encoded: the same rows, encoded.
            codes: the split of each row, positions in `SPLITS`.
        """
        for name, feature in features.features.items():
            if not feature.reports_unseen:
                continue
            unseen = features.columns_in(encoded, name)[:, 0] == 0
            for column in feature.source_columns(name):
                unseen &= ~np.asarray(pc.is_null(table[column], nan_is_null=True))
            counts = np.bincount(codes[unseen], minlength=len(SPLITS))
            self._unseen[name] = self._unseen.get(name, 0) + counts

    def missing(self, columns: list[str]) -> dict[str, float]:
        """Returns the share of empty cells by file, in the emptiest of some columns."""
        return {
            file: max(self._empty[column][file] for column in columns) / rows
            for file, rows in self._rows.items()
        }

    def unseen(self, name: str, rows: dict[str, int]) -> dict[str, float]:
        """Returns the share of each split's rows whose value has no id of its own.

        Args:
            name: a feature's name; a feature without a vocabulary has no shares.
            rows: number of rows by split.
        """
        if name not in self._unseen:
            return {}
        counts = self._unseen[name]
        return {s: float(counts[SPLITS.index(s)] / n) for s, n in rows.items()}

    def repeated(self) -> dict[str, float]:
        """Returns the share of rows that equal a training row, by other split."""
        hashes = {s: np.concatenate(chunks) for s, chunks in self._hashes.items()}
        train = np.unique(hashes.pop("train"))
        return {
            split: float(np.isin(x, train).mean()) if len(x) else 0.0
            for split, x in hashes.items()
        }


def row_hashes(table: pa.Table) -> Hashes:
    """Returns a hash of each row's cells, (rows,)."""
    total = np.zeros(table.num_rows, "uint64")
    for column in table.columns:
        values: Any = column.combine_chunks()
        if pa.types.is_nested(values.type):
            values = pa.array([str(v) for v in values.to_pylist()], pa.string())
        encoded = values.dictionary_encode()
        distinct = encoded.dictionary.to_pandas().to_numpy()
        hashes: Any = pd.util.hash_array(distinct, categorize=False)
        codes = np.asarray(encoded.indices.cast(pa.int64()).fill_null(-1))
        total = total * np.uint64(1_000_003) + np.append(hashes, np.uint64(0))[codes]
    return total
