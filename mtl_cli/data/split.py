"""Which rows of a file belong to which split."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.numeric import is_number
from mtl_cli.columns.vocabulary import check_flat, is_id
from mtl_cli.core.errors import DataError, shown
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sources import Source

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
                raise no_rows(dataset, split, file, table.rows, list(shares))
            if order is not None:
                chosen = order[start : start + counts[split]]
                codes[chosen] = SPLITS.index(split)
            start += counts[split]
        found[file] = codes
    return found


def no_rows(
    dataset: Dataset, split: str, file: str, rows: int, shares: list[str]
) -> DataError:
    """Returns what to say of a split that would have no rows.

    Args:
        dataset: which shares are held out.
        split: that has no rows.
        file: that they should be in.
        rows: of the file.
        shares: splits that are taken from the file.
    """
    key = split if split in shares else shares[0]
    whole = f", in whole groups of '{dataset.split_column}'"
    return DataError(
        f"dataset.{key}_fraction: leaves no {split} rows of the {rows} in "
        f"dataset.{file}{whole if dataset.split_by == 'group' else ''}; give more "
        "rows, or another share"
    )


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
    kind = column.type
    if pa.types.is_null(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif is_id(kind) and not is_number(kind):
        column = times_of_text(where, column.cast(pa.string()), table)
    elif pa.types.is_temporal(kind):
        column = column.cast(pa.timestamp("us")) if pa.types.is_date(kind) else column
        column = column.cast(pa.int32()) if pa.types.is_time32(kind) else column
        column = column.cast(pa.int64())
    elif not is_number(kind):
        raise DataError(f"{where} holds {kind}; a split by time needs numbers or dates")
    empty = np.asarray(pc.is_null(column, nan_is_null=True))
    if empty.any():
        path, row = table.locate(int(np.argmax(empty)))
        raise DataError(
            f"{where} is empty in {int(empty.sum())} rows, the first of them row "
            f"{row + 1} [{path}]; a split by time needs the time of each"
        )
    return np.asarray(column)


def times_of_text(
    where: str, column: pa.ChunkedArray, table: Source
) -> pa.ChunkedArray:
    """Returns the numbers or dates that text holds, as numbers."""
    kinds = (pa.float64(), pa.timestamp("us"), pa.timestamp("us", "UTC"))
    for kind in kinds:
        found = as_type(column, kind)
        if found is not None:
            return found if pa.types.is_floating(kind) else found.cast(pa.int64())
    # The first row tells what is meant; the first that is not so, what is wrong.
    meant = next((k for k in kinds if as_type(column[:1], k) is not None), None)
    good, wrong = 0, len(column) if meant is not None else 1
    while wrong - good > 1:
        middle = (good + wrong) // 2
        if as_type(column[good:middle], meant) is None:
            wrong = middle
        else:
            good = middle
    path, row = table.locate(good)
    raise DataError(
        f"{where}: row {row + 1} holds {shown(column[good].as_py())} [{path}]; a split "
        "by time needs numbers or dates like 2026-01-31 12:00:00, alike in all rows"
    )


def as_type(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """Returns text as values of a type, None if some of it is none."""
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        return None


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
    check_flat(f"dataset.split_column: '{dataset.split_column}'", column)
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
