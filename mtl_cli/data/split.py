"""Assigns the rows of each file to splits: training, validation and test rows."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mtl_cli.columns.arrow_types import check_not_nested, is_id, is_number
from mtl_cli.columns.cells import empty_cells
from mtl_cli.core.errors import DataError, shown
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sources import Source
from mtl_cli.data.table import Array

RowNumbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]

SPLITS = ("train", "valid", "test")


def split_rows(dataset: Dataset, sources: dict[str, Source]) -> dict[str, Codes]:
    """Assigns every row to a split.

    Args:
        dataset: the shares of rows to hold out, and how the rows are chosen.
        sources: {file: its rows} for `train`, and for `valid` and `test` if the data
            set has such files.

    Returns: {file: codes}; the code of a row is the position of its split in `SPLITS`,
        (rows,).

    Raises:
        DataError: if a split would be left without rows.
    """
    codes_by_file: dict[str, Codes] = {}
    for file, source in sources.items():
        shares = shares_held_out(dataset, file)
        counts = {split: round(x * source.rows) for split, x in shares.items()}
        order = None  # the row numbers, sorted by split; None for a file of one split
        if dataset.split_by == "group" and shares:
            counts, order = order_by_group(dataset, source, shares, file)
        elif shares:
            order = order_of_rows(dataset, source)
        counts[file] = source.rows - sum(counts.values())
        codes = np.full(source.rows, SPLITS.index(file), "uint8")
        start = 0
        for split in [s for s in SPLITS if s in counts]:
            if not counts[split]:
                held_out = split if split in shares else next(iter(shares))
                in_groups = ""
                if dataset.split_by == "group":
                    in_groups = f", in whole groups of '{dataset.split_column}'"
                raise DataError(
                    f"dataset.{held_out}_fraction: this share leaves no {split} rows "
                    f"of the {source.rows} in dataset.{file}{in_groups}; give more "
                    "rows, or another share"
                )
            if order is not None:
                codes[order[start : start + counts[split]]] = SPLITS.index(split)
            start += counts[split]
        codes_by_file[file] = codes
    return codes_by_file


def shares_held_out(dataset: Dataset, file: str) -> dict[str, float]:
    """Returns {split: share of a file's rows that are held out for this split}."""
    shares = {}
    if dataset.valid_fraction and dataset.valid_from == file:
        shares["valid"] = dataset.valid_fraction
    if dataset.test_fraction and file == "train":
        shares["test"] = dataset.test_fraction
    return shares


def order_of_rows(dataset: Dataset, source: Source) -> RowNumbers:
    """Returns the numbers of all rows, training rows first and test rows last."""
    if dataset.split_by == "random":
        random = np.random.default_rng(dataset.split_seed)
        return random.permutation(source.rows)[::-1]
    if dataset.split_by == "time":
        # A stable sort leaves rows of the same time in the file's order.
        return np.argsort(times(dataset, source)[0], kind="stable")
    return np.arange(source.rows)


def times(dataset: Dataset, source: Source) -> tuple[Array, str]:
    """Returns the time of each row as a number, (rows,), and the unit of the numbers.

    Only the order of the numbers has a meaning. The times of two tables can be compared
    if their units are equal.

    Raises:
        DataError: if a time is missing or is neither a number nor a date.
    """
    column = split_column(dataset, source)
    message_start = f"dataset.split_column: '{dataset.split_column}'"
    kind = column.type
    if pa.types.is_null(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif is_id(kind) and not is_number(kind):
        column = times_from_text(message_start, column.cast(pa.string()), source)
    elif pa.types.is_temporal(kind):
        column = column.cast(pa.timestamp("us")) if pa.types.is_date(kind) else column
        column = column.cast(pa.int32()) if pa.types.is_time32(kind) else column
        column = column.cast(pa.int64())
    elif not is_number(kind):
        raise DataError(
            f"{message_start} holds {kind}; a split by time needs numbers or dates"
        )
    empty = empty_cells(column)
    if empty.any():
        path, row = source.locate(int(np.argmax(empty)))
        raise DataError(
            f"{message_start} is empty in {int(empty.sum())} rows, the first of them "
            f"row {row + 1} [{path}]; a split by time needs the time of each row"
        )
    # Dates have become microseconds, and text has become numbers or microseconds.
    is_text = is_id(kind) and not is_number(kind)
    if pa.types.is_date(kind) or (is_text and pa.types.is_integer(column.type)):
        unit = str(pa.timestamp("us"))
    else:
        unit = str(kind) if pa.types.is_temporal(kind) else "number"
    return np.asarray(column), unit


def early_rows(
    dataset: Dataset, sources: dict[str, Source], codes_by_file: dict[str, Codes]
) -> dict[str, int]:
    """Counts the rows of other files that are earlier than the last training row.

    Args:
        dataset: the data set.
        sources: {file: its rows}.
        codes_by_file: the split of each row, see `split_rows`.

    Returns: {split: number of such rows}; {} if the split is not by time, or the
        training file is the only file. A file is left out if the unit of its times
        differs from the training file's.
    """
    if dataset.split_by != "time" or len(sources) < 2:
        return {}
    train_times, train_unit = times(dataset, sources["train"])
    last = train_times[codes_by_file["train"] == SPLITS.index("train")].max()
    counts: dict[str, int] = {}
    for file, source in sources.items():
        if file == "train":
            continue
        values, unit = times(dataset, source)
        if unit == train_unit:
            codes = codes_by_file[file][values < last]
            by_split = np.bincount(codes, minlength=len(SPLITS)).tolist()
            for split, number in zip(SPLITS, by_split, strict=True):
                counts[split] = counts.get(split, 0) + number
    return {split: number for split, number in counts.items() if number}


def times_from_text(
    message_start: str, column: pa.ChunkedArray, source: Source
) -> pa.ChunkedArray:
    """Returns numbers or dates, read from text, as numbers.

    Args:
        message_start: the configuration's key and the column, for messages.
        column: the texts.
        source: the rows that hold the column.

    Raises:
        DataError: if the texts are not of one type. Names the first row whose type
            differs from the type of the rows before it.
    """
    kinds = (pa.float64(), pa.timestamp("us"), pa.timestamp("us", "UTC"))
    for kind in kinds:
        values = cast_or_none(column, kind)
        if values is not None:
            return values if pa.types.is_floating(kind) else values.cast(pa.int64())
    # The first row decides which type is expected. A binary search finds the first row
    # of another type.
    kind = next((k for k in kinds if cast_or_none(column[:1], k) is not None), None)
    low, high = 0, len(column) if kind is not None else 1  # it is in column[low:high]
    while high - low > 1:
        middle = (low + high) // 2
        if cast_or_none(column[low:middle], kind) is None:
            high = middle
        else:
            low = middle
    path, row = source.locate(low)
    raise DataError(
        f"{message_start}: row {row + 1} holds {shown(column[low].as_py())} [{path}]; "
        "a split by time needs numbers or dates like 2026-01-31 12:00:00, of one form "
        "in all rows"
    )


def cast_or_none(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """Returns texts as values of a type; None if a text cannot be read as the type."""
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        return None


def split_column(dataset: Dataset, source: Source) -> pa.ChunkedArray:
    """Returns all cells of the data set's column of groups or times."""
    name = dataset.split_column
    return pa.chunked_array([c for t in source.chunks() for c in t[name].chunks])


def order_by_group(
    dataset: Dataset, source: Source, shares: dict[str, float], file: str
) -> tuple[dict[str, int], RowNumbers]:
    """Assigns random whole groups to each split.

    A split gets as many groups as fit into its share of rows, but at least one.

    Args:
        dataset: the data set.
        source: the rows of the file.
        shares: {split: share of the rows to hold out}.
        file: the file: `train` or `test`. This is also the split of all rows that are
            not held out.

    Returns: {split that is held out: number of rows}, and the numbers of all rows in
        the order of their splits.
    """
    column = split_column(dataset, source).combine_chunks()
    check_not_nested(f"dataset.split_column: '{dataset.split_column}'", column)
    codes = np.asarray(column.dictionary_encode(null_encoding="encode").indices)
    sizes = np.bincount(codes)
    groups = np.random.default_rng(dataset.split_seed).permutation(len(sizes))
    ends = np.cumsum(sizes[groups])
    split_of_group = np.full(len(sizes), SPLITS.index(file))
    start, counts = 0, {}
    for split, share in shares.items():
        end = (ends[start - 1] if start else 0) + round(share * source.rows)
        stop = max(int(np.searchsorted(ends, end, "right")), start + 1)
        split_of_group[groups[start:stop]] = SPLITS.index(split)
        counts[split] = int(sizes[groups[start:stop]].sum())
        start = stop
    return counts, np.argsort(split_of_group[codes], kind="stable")
