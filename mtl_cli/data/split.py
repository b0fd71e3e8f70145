"""Assigns the rows of each file to splits: training, validation and test rows."""

import numpy as np

from mtl_cli.columns.arrow_types import check_single_values
from mtl_cli.core.errors import DataError
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sources import Source
from mtl_cli.data.split_times import Times, read_times, split_column
from mtl_cli.data.table import Array

SPLITS = ("train", "valid", "test")
Codes = Array  # the code of a row's split is its position in `SPLITS`, uint8


def split_rows(
    dataset: Dataset, sources: dict[str, Source], times_by_file: dict[str, Times]
) -> dict[str, Codes]:
    """Returns {file: the code of each row's split, (rows,)}; refuses empty splits.

    The rows that are not held out belong to the split with the name of their file.
    """
    codes_by_file: dict[str, Codes] = {}
    for file, source in sources.items():
        fractions = fractions_held_out(dataset, file)
        if not fractions:
            codes = np.full(source.num_rows, SPLITS.index(file), "uint8")
        elif dataset.split_by == "group":
            codes = split_by_group(dataset, source, fractions, file)
        else:
            times = times_by_file[file].numbers if file in times_by_file else None
            codes = split_in_order(dataset, source, fractions, file, times)
        refuse_empty_splits(dataset, file, fractions, codes)
        codes_by_file[file] = codes
    return codes_by_file


def refuse_empty_splits(
    dataset: Dataset, file: str, fractions: dict[str, float], codes: Codes
) -> None:
    """Raises a `DataError` if a split of a file gets no rows."""
    in_groups = ""
    if dataset.split_by == "group":
        in_groups = f", in whole groups of '{dataset.split_column}'"
    for split in [s for s in SPLITS if s in fractions or s == file]:
        if not (codes == SPLITS.index(split)).any():
            held_out = split if split in fractions else next(iter(fractions))
            raise DataError(
                f"dataset.{held_out}_fraction: this share leaves no {split} rows of "
                f"the {len(codes)} in dataset.{file}{in_groups}; give more rows, or "
                "another share"
            )


def times_to_split_by(dataset: Dataset, sources: dict[str, Source]) -> dict[str, Times]:
    """Returns {file: the times of its rows} for a split by time, else {}.

    The times of a file without held-out rows are read too if there are other files, to
    compare them, see `early_rows`.
    """
    if dataset.split_by != "time":
        return {}
    return {
        file: read_times(dataset, source)
        for file, source in sources.items()
        if len(sources) > 1 or fractions_held_out(dataset, file)
    }


def fractions_held_out(dataset: Dataset, file: str) -> dict[str, float]:
    """Returns {split: fraction of a file's rows to hold out for this split}."""
    fractions = {}
    if dataset.valid_fraction and dataset.valid_from == file:
        fractions["valid"] = dataset.valid_fraction
    if dataset.test_fraction and file == "train":
        fractions["test"] = dataset.test_fraction
    return fractions


def split_in_order(
    dataset: Dataset,
    source: Source,
    fractions: dict[str, float],
    file: str,
    times: Array | None,
) -> Codes:
    """Gives the first rows of an order to training, and the last rows to the test.

    The order is random, that of the file, or that of the times, (rows,). All rows of
    one time, such as a day, belong to one split, because their order in the file may
    have no meaning.
    """
    sizes = {split: round(x * source.num_rows) for split, x in fractions.items()}
    sizes[file] = source.num_rows - sum(sizes.values())
    splits = [split for split in SPLITS if split in sizes]
    starts = np.cumsum([0, *[sizes[split] for split in splits]])[1:-1]
    if times is not None:
        order = np.argsort(times, kind="stable")
        if 0 not in sizes.values():  # else the caller refuses the empty split
            starts = starts_at_times(dataset, source, times[order], starts, splits)
    elif dataset.split_by == "random":
        random = np.random.default_rng(dataset.split_seed)
        order = random.permutation(source.num_rows)[::-1]
    else:
        order = np.arange(source.num_rows)
    codes = np.empty(source.num_rows, "uint8")
    for split, rows in zip(splits, np.split(order, starts), strict=True):
        codes[rows] = SPLITS.index(split)
    return codes


def starts_at_times(
    dataset: Dataset, source: Source, times: Array, starts: Array, splits: list[str]
) -> Array:
    """Moves the start of each split but the first to the start of a time.

    The rows are sorted by their times, (rows,). Each split begins with the time that
    brings it closest to its number of rows, and gets at least one time.
    """
    time_starts = 1 + np.flatnonzero(times[1:] != times[:-1])
    if len(time_starts) < len(starts):
        values = "value" if len(time_starts) == 0 else "values"
        raise DataError(
            f"dataset.split_column: '{dataset.split_column}' holds "
            f"{len(time_starts) + 1} {values} [{source.locate(0)[0]}], fewer than the "
            f"splits {', '.join(splits)}; name a column with more times, or set "
            "dataset.split_by=random dataset.split_column=null"
        )
    sizes = np.diff([*starts, len(times)])
    moved, end, last = starts.copy(), len(times), len(time_starts)
    for i in reversed(range(len(starts))):
        # The first times are left for the earlier splits, one for each of them.
        choices = time_starts[i:last]
        last = i + int(np.argmin(np.abs(choices - (end - sizes[i]))))
        moved[i] = end = time_starts[last]
    return moved


def split_by_group(
    dataset: Dataset, source: Source, fractions: dict[str, float], file: str
) -> Codes:
    """Gives as many random whole groups to each split as fit, but at least one."""
    column = split_column(dataset, source)
    check_single_values(f"dataset.split_column: '{dataset.split_column}'", column)
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    row_groups = np.asarray(encoded.indices)
    group_sizes = np.bincount(row_groups)
    groups = np.random.default_rng(dataset.split_seed).permutation(len(group_sizes))
    # The number of rows up to the end of each group, in the random order of the groups.
    ends = np.cumsum(group_sizes[groups])
    group_splits = np.full(len(group_sizes), SPLITS.index(file), "uint8")
    start = 0  # each split takes the groups from `start` up to `stop`
    for split, fraction in fractions.items():
        end = (ends[start - 1] if start else 0) + round(fraction * source.num_rows)
        stop = max(int(np.searchsorted(ends, end, "right")), start + 1)
        group_splits[groups[start:stop]] = SPLITS.index(split)
        start = stop
    return np.asarray(group_splits[row_groups])
