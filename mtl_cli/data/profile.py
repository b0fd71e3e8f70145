"""What is noted of the raw rows while they are read: empty cells, repeated rows."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.split import SPLITS, Codes
from mtl_cli.data.table import NO_GROUP, Array, Table
from mtl_cli.tasks.base import Output

Hashes = npt.NDArray[np.uint64]

# Of larger tables only rows with every n-th hash are compared, the same in all splits.
HASHES_KEPT = 1_000_000


class Profile:
    """Notes on raw rows, gathered chunk by chunk in bounded memory.

    Args:
        rows: how many there will be in all files.
    """

    def __init__(self, rows: int) -> None:
        self.every = max(1, -(-rows // HASHES_KEPT))
        self.hashes: dict[str, list[Hashes]] = {}
        self.rows: dict[str, int] = {}
        self.empty: dict[str, dict[str, int]] = {}
        self.counts: dict[str, dict[str, dict[str, int]]] = {}
        self.lacking: dict[str, Any] = {}
        self.without_group: dict[str, int] = {}

    def count(self, outputs: list[Output], split: str, rows: Table) -> None:
        """Counts some rows of a split, and the positives among them, by output."""
        if rows.groups is not None:
            without = int((rows.groups == NO_GROUP).sum())
            self.without_group[split] = self.without_group.get(split, 0) + without
        for output in outputs:
            mine = rows.weights[output.name] > 0
            found = {"rows": int(mine.sum())}
            if output.kind == "binary":
                found["positives"] = int(rows.labels[output.label][mine].sum())
            splits = self.counts.setdefault(output.name, {})
            before = splits.get(split, {})
            splits[split] = {k: n + before.get(k, 0) for k, n in found.items()}

    def count_unseen(
        self,
        features: FeatureSet,
        table: pa.Table,
        encoded: dict[str, Array],
        codes: Codes,
    ) -> None:
        """Counts by split the cells with a value that has no id of its own.

        Args:
            features: fitted.
            table: some rows.
            encoded: the same rows, encoded.
            codes: the split of each row, positions in `SPLITS`.
        """
        for name, feature in features.features.items():
            if not feature.reports_unseen:
                continue
            lacks = features.columns_in(encoded, name)[:, 0] == 0
            for column in feature.source_columns(name):
                lacks &= ~np.asarray(pc.is_null(table[column], nan_is_null=True))
            counts = np.bincount(codes[lacks], minlength=len(SPLITS))
            self.lacking[name] = self.lacking.get(name, 0) + counts

    def add(self, file: str, table: pa.Table, codes: Codes) -> None:
        """Notes some rows.

        Args:
            file: that they are in.
            table: the rows.
            codes: the split of each, positions in `SPLITS`.
        """
        self.rows[file] = self.rows.get(file, 0) + table.num_rows
        for name in table.column_names:
            counts = self.empty.setdefault(name, {})
            empty = pc.is_null(table[name], nan_is_null=True)
            counts[file] = counts.get(file, 0) + int(np.count_nonzero(empty))
        hashes = row_hashes(table)
        for code in np.unique(codes):
            mine = hashes[(codes == code) & (hashes % self.every == 0)]
            self.hashes.setdefault(SPLITS[code], []).append(mine)

    def missing(self, columns: list[str]) -> dict[str, float]:
        """Returns the share of empty cells by file, of the emptiest of some columns."""
        return {
            file: max(self.empty[column][file] for column in columns) / rows
            for file, rows in self.rows.items()
        }

    def unseen(self, name: str, rows: dict[str, int]) -> dict[str, float]:
        """Returns the share of each split's rows whose value has no index of its own.

        Args:
            name: of a feature; one without a vocabulary has no shares.
            rows: of each split, all that there are.
        """
        if name not in self.lacking:
            return {}
        counts = self.lacking[name]
        return {s: float(counts[SPLITS.index(s)] / n) for s, n in rows.items()}

    def repeated(self) -> dict[str, float]:
        """Returns by split other than train the share of rows that train has too."""
        parts = {split: np.concatenate(found) for split, found in self.hashes.items()}
        train = np.unique(parts.pop("train"))
        return {
            split: float(np.isin(hashes, train).mean()) if len(hashes) else 0.0
            for split, hashes in parts.items()
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
