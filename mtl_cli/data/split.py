"""Assigns each row of the tables to a split: training, validation or test rows.

A data set has up to three tables: `train`, and perhaps `valid` and `test`. The table of
the training rows can also give rows to the splits `valid` and `test`, and the table of
the test rows can give rows to the split `valid`. These rows are held out.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_text
from mtl_cli.columns.cells import empty_cells
from mtl_cli.columns.vocabulary import check_group_column
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import counted, line_if_any
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sources import Source
from mtl_cli.data.split_times import read_split_column, read_times
from mtl_cli.data.table import Array

SPLITS = ("train", "valid", "test")
MAX_EARLY_FRACTION = 0.01  # of a table's rows, before a warning
Codes = Array  # (rows,), uint8; the code of a row's split is its position in `SPLITS`


def split_rows(
    dataset: Dataset, sources: dict[str, Source]
) -> tuple[dict[str, Codes], list[str]]:
    """Splits the rows, and refuses empty splits.

    The rows that are not held out belong to the split with the name of their table.

    Returns: {table: the code of each row's split, (rows,)}, and the findings about a
        split by time.
    """
    codes_by_table: dict[str, Codes] = {}
    times_by_table = {}
    tables_of_one_day = []
    holds_out = dataset.valid_fraction or dataset.test_fraction
    if dataset.split_by == "time" and (holds_out or len(sources) > 1):
        times_by_table = {name: read_times(dataset, x) for name, x in sources.items()}
    for table_name, source in sources.items():
        fractions = {}  # {split: fraction of the table's rows to hold out}
        if dataset.valid_fraction and dataset.valid_from == table_name:
            fractions["valid"] = dataset.valid_fraction
        if dataset.test_fraction and table_name == "train":
            fractions["test"] = dataset.test_fraction
        if not fractions:
            codes = np.full(source.num_rows, SPLITS.index(table_name), "uint8")
        elif dataset.split_by == "group":
            codes = split_by_group(dataset, source, fractions, table_name)
        else:
            times, _ = times_by_table.get(table_name, (None, ""))
            codes = split_in_order(dataset, source, fractions, table_name, times)
            if times is not None and is_within_one_day(times):
                tables_of_one_day.append(table_name)
        refuse_empty_splits(dataset, table_name, fractions, codes)
        codes_by_table[table_name] = codes
    findings = early_rows_findings(times_by_table, codes_by_table["train"])
    findings += line_if_any(
        "all rows lie within one day, so split_by=time holds out its last hours, and "
        "scores, early stopping and calibration hold for these hours alone; to hold "
        "out rows of all hours, set dataset.split_by=random dataset.split_column=null",
        tables_of_one_day,
    )
    return codes_by_table, findings


def is_within_one_day(times: Array) -> bool:
    """Whether times span less than 24 hours; False for numbers, without a unit."""
    is_date = np.issubdtype(times.dtype, np.datetime64)
    return bool(is_date and times.max() - times.min() < np.timedelta64(1, "D"))


def early_rows_findings(
    times_by_table: dict[str, tuple[Array, str]], train_codes: Codes
) -> list[str]:
    """Returns lines about tables with rows earlier than the last training row.

    A line also names the tables whose times cannot be compared with the training rows'
    times. {} are the times of a split that is not by time, see `read_times`.
    """
    if len(times_by_table) < 2:
        return []
    train_times, train_kind = times_by_table["train"]
    last_time = train_times[train_codes == SPLITS.index("train")].max()
    early, incomparable = [], []
    for name, (times, kind) in times_by_table.items():
        if kind != train_kind:
            incomparable.append(f"{name} ({kind})")
        elif name != "train":
            num_early = int(is_earlier(times, last_time).sum())
            if num_early > MAX_EARLY_FRACTION * len(times):
                early.append(f"{name} ({num_early:,} of {len(times):,})")
    return line_if_any(
        "these rows are earlier than the last training row, although split_by is time, "
        "so their scores say less about future rows",
        early,
    ) + line_if_any(
        f"these times cannot be compared with those of train ({train_kind}), so it is "
        "not known whether these rows are later than the training rows",
        incomparable,
    )


def is_earlier(times: Array, last_time: np.generic) -> Array:
    """Returns which times are earlier than `last_time`, (rows,)."""
    if np.issubdtype(times.dtype, np.datetime64):
        # NumPy would convert both to the finer unit. Nanoseconds overflow after 2262.
        dates = "datetime64[us]"
        times, last_time = times.astype(dates), last_time.astype(dates)
    return np.asarray(times < last_time)


def split_in_order(
    dataset: Dataset,
    source: Source,
    fractions: dict[str, float],
    table_name: str,
    times: Array | None,
) -> Codes:
    """Puts the rows in an order, and cuts them into splits: the training rows first.

    Validation rows follow, and test rows come last. All rows of one time, such as a
    day, belong to one split, because their order in the file may have no meaning.
    """
    sizes = {split: round(x * source.num_rows) for split, x in fractions.items()}
    sizes[table_name] = source.num_rows - sum(sizes.values())
    splits = [split for split in SPLITS if split in sizes]
    ends = np.cumsum([sizes[split] for split in splits])
    starts = ends[:-1]  # the first split starts at 0; the starts of all others
    order = np.arange(source.num_rows)
    if times is not None:  # the split is by time
        order = np.argsort(times, kind="stable")
        if 0 not in sizes.values():  # `refuse_empty_splits` refuses an empty split
            starts = starts_at_times(dataset, source, times[order], starts, splits)
    elif dataset.split_by == "random":
        random = np.random.default_rng(dataset.split_seed)
        # Reversed only so that each seed gives the same split as in earlier versions.
        order = random.permutation(source.num_rows)[::-1]
    codes = np.empty(source.num_rows, "uint8")
    for split, rows in zip(splits, np.split(order, starts), strict=True):
        codes[rows] = SPLITS.index(split)
    return codes


def starts_at_times(
    dataset: Dataset, source: Source, times: Array, starts: Array, splits: list[str]
) -> Array:
    """Moves the start of each split except the first to the first row of a time.

    Each split gets all rows of at least one time, and as nearly as possible the number
    of rows that it should have. For example, the times 1, 2, 2, 3 start at the rows 0,
    1 and 3. If the second of two splits should have one row, the split starts at row 3.
    If it should have three rows, it starts at row 1. The last split is placed first.

    `times` are the times of the rows, ascending, (rows,), and `starts` the row at which
    each split but the first would start, (splits - 1,).
    """
    time_starts = 1 + np.flatnonzero(times[1:] != times[:-1])  # without the first time
    if len(time_starts) < len(starts):
        raise DataError(
            f"dataset.split_column: '{dataset.split_column}' holds "
            f"{counted(len(time_starts) + 1, 'distinct value')} "
            f"[{source.locate(0)[0]}], but each of the splits {', '.join(splits)} "
            "needs at least one; name a column with more times, or set "
            "dataset.split_by=random dataset.split_column=null"
        )
    sizes = np.diff([*starts, len(times)])
    moved_starts = starts.copy()
    end = len(times)  # the row after the last row of the split
    for i in reversed(range(len(starts))):
        # The first i starts of a time are left to the i starts of earlier splits.
        choices = time_starts[i:]
        choices = choices[choices < end]
        ideal_start = end - sizes[i]
        nearest = np.argmin(np.abs(choices - ideal_start))
        moved_starts[i] = end = choices[nearest]
    return moved_starts


def split_by_group(
    dataset: Dataset, source: Source, fractions: dict[str, float], table_name: str
) -> Codes:
    """Holds out whole groups of rows, in random order.

    Each split gets as many groups as fit into its fraction of the rows, but at least
    one. For example, a fraction of 0.29 gets two of ten groups of 100 rows.
    """
    column = read_split_column(dataset, source)
    check_group_column(f"dataset.split_column: '{dataset.split_column}'", column)
    # NaN and empty texts are empty cells too. All empty cells are one group.
    if pa.types.is_floating(column.type) or is_text(column.type):
        empty = pa.scalar(None, column.type)
        column = pc.if_else(empty_cells(column), empty, column)
    encoded = column.dictionary_encode(null_encoding="encode").combine_chunks()
    row_groups = np.asarray(encoded.indices)
    group_sizes = np.bincount(row_groups)
    groups = np.random.default_rng(dataset.split_seed).permutation(len(group_sizes))
    # `row_ends[i]` is the number of rows in the first i groups of the random order.
    row_ends = np.concatenate([[0], np.cumsum(group_sizes[groups])])
    split_of_group = np.full(len(group_sizes), SPLITS.index(table_name), "uint8")
    first = 0
    for split, fraction in fractions.items():
        max_rows = row_ends[first] + round(fraction * source.num_rows)
        num_that_fit = int(np.searchsorted(row_ends, max_rows, "right")) - 1
        end = max(num_that_fit, first + 1)
        split_of_group[groups[first:end]] = SPLITS.index(split)
        first = end
    return np.asarray(split_of_group[row_groups])


def refuse_empty_splits(
    dataset: Dataset, table_name: str, fractions: dict[str, float], codes: Codes
) -> None:
    """Raises a `DataError` if a split that takes rows of a table gets none."""
    for split in SPLITS:
        takes_rows = split in fractions or split == table_name
        if not takes_rows or (codes == SPLITS.index(split)).any():
            continue
        # If no row is left that is not held out, the largest fraction is to blame.
        largest = max(fractions, key=lambda held_out: fractions[held_out])
        key = f"dataset.{split if split in fractions else largest}_fraction"
        raise DataError(
            f"{key}: with this share, the split {split} gets none of the {len(codes)} "
            f"rows of dataset.{table_name}; give more rows or groups, or another share"
        )
