"""Which rows of a file belong to which split."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mtl_cli.data.read import Source
from mtl_cli.data.schema import Dataset
from mtl_cli.errors import DataError

Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]


SPLITS = ("train", "valid", "test")


def split_rows(dataset: Dataset, sources: dict[str, Source]) -> dict[str, Codes]:
    """Returns which split each row of a file belongs to, by file.

    Args:
        dataset: which shares are held out, and how they are chosen.
        sources: by file: `train`, and `valid` and `test` where there is one.

    Returns: positions in `SPLITS`, (rows,); `source` tells the file of a split.

    Raises:
        DataError: if a split would be left without rows.
    """
    found: dict[str, Codes] = {}
    for file, table in sources.items():
        shares = held_out(dataset)
        shares = {s: f for s, f in shares.items() if source(dataset, s) == file}
        codes = np.full(table.rows, SPLITS.index(file), "uint8")
        counts = {split: round(f * table.rows) for split, f in shares.items()}
        order = None
        if dataset.split_by == "group" and shares:
            counts, order = by_group(dataset, table, shares, file)
        elif shares:
            order = chronological(dataset, table)
        counts[file] = table.rows - sum(counts.values())
        start = 0
        for split in [s for s in SPLITS if s in counts]:
            if not counts[split]:
                raise DataError(
                    f"dataset.{split}_fraction: leaves no {split} rows of the "
                    f"{table.rows} in dataset.{file}"
                )
            if order is not None:
                chosen = order[start : start + counts[split]]
                codes[chosen] = SPLITS.index(split)
            start += counts[split]
        found[file] = codes
    return found


def held_out(dataset: Dataset) -> dict[str, float]:
    """Returns the share of each split that is taken from another split's file."""
    shares = {"valid": dataset.valid_fraction, "test": dataset.test_fraction}
    return {split: share for split, share in shares.items() if share}


def source(dataset: Dataset, split: str) -> str:
    """Returns the file that a split's rows are in."""
    if split == "valid" and dataset.valid is None:
        return dataset.valid_from
    return "train" if split == "test" and dataset.test is None else split


def chronological(dataset: Dataset, table: Source) -> Rows:
    """Returns row numbers in the order in which splits follow each other."""
    if dataset.split_by == "random":
        random = np.random.default_rng(dataset.split_seed)
        return random.permutation(table.rows)[::-1]
    if dataset.split_by == "time":
        # Stable, so that rows of one time stay in the file's order.
        return np.argsort(times(dataset, table), kind="stable")
    return np.arange(table.rows)


def times(dataset: Dataset, table: Source) -> npt.NDArray[Any]:
    """Returns the time of each row as a number, (rows,)."""
    column = split_column(dataset, table)
    where = f"dataset.split_column: '{dataset.split_column}'"
    if column.null_count:
        raise DataError(
            f"{where} is empty in {column.null_count} rows; a split by time needs the "
            "time of each"
        )
    if pa.types.is_string(column.type):
        for kind in (pa.float64(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
            try:
                column = column.cast(kind)
                break
            except pa.ArrowInvalid:
                continue
        else:
            raise DataError(
                f"{where} holds words such as {column[0].as_py()!r}; a split by time "
                "needs numbers or dates like 2026-01-31 12:00:00"
            )
    if pa.types.is_temporal(column.type):
        column = (
            column.cast(pa.timestamp("us")) if pa.types.is_date(column.type) else column
        )
        column = column.cast(pa.int64())
    return np.asarray(column)


def split_column(dataset: Dataset, table: Source) -> pa.ChunkedArray:
    """Returns the column of groups or times."""
    name = dataset.split_column
    return pa.chunked_array([c for t in table.chunks() for c in t[name].chunks])


def by_group(
    dataset: Dataset, table: Source, shares: dict[str, float], file: str
) -> tuple[dict[str, int], Rows]:
    """Deals whole groups to splits, at random, until each has its share of rows.

    Returns: rows of each split that is held out, and all rows, groups together, those
        of the file's own split where `split_rows` looks for them.
    """
    column = split_column(dataset, table).combine_chunks()
    codes = np.asarray(column.dictionary_encode(null_encoding="encode").indices)
    sizes = np.bincount(codes)
    dealt = np.random.default_rng(dataset.split_seed).permutation(len(sizes))
    ends = np.cumsum(sizes[dealt])
    split_of = np.full(len(sizes), "", dtype=object)
    start, counts = 0, {}
    for split, share in shares.items():
        wanted = (ends[start - 1] if start else 0) + share * table.rows
        stop = max(int(np.searchsorted(ends, wanted)), start + 1)
        split_of[dealt[start:stop]] = split
        counts[split] = int(sizes[dealt[start:stop]].sum())
        start = stop
    place = np.array([SPLITS.index(split or file) for split in split_of])
    return counts, np.argsort(place[codes], kind="stable")
