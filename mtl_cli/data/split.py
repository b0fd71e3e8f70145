"""Which rows of a file belong to which split."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.data.schema import Dataset
from mtl_cli.errors import DataError

Rows = npt.NDArray[np.int64]


def split_rows(dataset: Dataset, tables: dict[str, pa.Table]) -> dict[str, Rows]:
    """Returns the row numbers of each split in the file that they come from.

    Args:
        dataset: which shares are held out, and how they are chosen.
        tables: by file: `train`, and `valid` and `test` where there is one.

    Returns: sorted row numbers by split; `source` tells the file of a split.

    Raises:
        DataError: if a split would be left without rows.
    """
    rows: dict[str, Rows] = {}
    for file, table in tables.items():
        shares = held_out(dataset)
        shares = {s: f for s, f in shares.items() if source(dataset, s) == file}
        order = chronological(dataset, table)
        counts = {split: round(f * table.num_rows) for split, f in shares.items()}
        if dataset.split_by == "group" and shares:
            counts, order = by_group(dataset, table, shares, file)
        counts[file] = table.num_rows - sum(counts.values())
        start = 0
        for split in [s for s in ("train", "valid", "test") if s in counts]:
            if not counts[split]:
                raise DataError(
                    f"dataset.{split}_fraction: leaves no {split} rows of the "
                    f"{table.num_rows} in dataset.{file}"
                )
            rows[split] = np.sort(order[start : start + counts[split]])
            start += counts[split]
    return rows


def held_out(dataset: Dataset) -> dict[str, float]:
    """Returns the share of each split that is taken from another split's file."""
    shares = {"valid": dataset.valid_fraction, "test": dataset.test_fraction}
    return {split: share for split, share in shares.items() if share}


def source(dataset: Dataset, split: str) -> str:
    """Returns the file that a split's rows are in."""
    if split == "valid" and dataset.valid is None:
        return dataset.valid_from
    return "train" if split == "test" and dataset.test is None else split


def chronological(dataset: Dataset, table: pa.Table) -> Rows:
    """Returns row numbers in the order in which splits follow each other."""
    if dataset.split_by == "random":
        random = np.random.default_rng(dataset.split_seed)
        return random.permutation(table.num_rows)[::-1]
    if dataset.split_by == "time":
        column = table[dataset.split_column]
        if column.null_count:
            raise DataError(
                f"dataset.split_column: '{dataset.split_column}' is empty in "
                f"{column.null_count} rows; a split by time needs the time of each"
            )
        # Stable, so that rows of one time stay in the file's order.
        ranks = pc.rank(column, tiebreaker="first").to_numpy()
        return np.argsort(ranks)
    return np.arange(table.num_rows)


def by_group(
    dataset: Dataset, table: pa.Table, shares: dict[str, float], file: str
) -> tuple[dict[str, int], Rows]:
    """Deals whole groups to splits, at random, until each has its share of rows.

    Returns: rows of each split that is held out, and all rows, groups together, those
        of the file's own split where `split_rows` looks for them.
    """
    column = table[dataset.split_column].combine_chunks()
    codes = np.asarray(column.dictionary_encode(null_encoding="encode").indices)
    sizes = np.bincount(codes)
    dealt = np.random.default_rng(dataset.split_seed).permutation(len(sizes))
    ends = np.cumsum(sizes[dealt])
    split_of = np.full(len(sizes), "", dtype=object)
    start, counts = 0, {}
    for split, share in shares.items():
        wanted = (ends[start - 1] if start else 0) + share * table.num_rows
        stop = max(int(np.searchsorted(ends, wanted)), start + 1)
        split_of[dealt[start:stop]] = split
        counts[split] = int(sizes[dealt[start:stop]].sum())
        start = stop
    places = {"train": 0, "valid": 1, "test": 2}
    place = np.array([places[split or file] for split in split_of])
    return counts, np.argsort(place[codes], kind="stable")
