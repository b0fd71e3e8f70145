"""Assigns the rows of each file to splits: training, validation and test rows."""

import numpy as np
import numpy.typing as npt

from mtl_cli.columns.arrow_types import check_single_values
from mtl_cli.core.errors import DataError
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sources import Source
from mtl_cli.data.split_times import Times, read_times, split_column
from mtl_cli.data.table import Array

RowNumbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]  # the code of a row's split is its position in `SPLITS`

SPLITS = ("train", "valid", "test")


def split_rows(
    dataset: Dataset, sources: dict[str, Source], times_by_file: dict[str, Times]
) -> dict[str, Codes]:
    """Assigns every row to a split.

    Args:
        dataset: the fractions of rows to hold out, and how the rows are chosen.
        sources: {file: its rows} for `train`, and for `valid` and `test` if the data
            set has such files.
        times_by_file: see `times_to_split_by`.

    Returns: {file: the code of each row's split, (rows,)}.

    Raises:
        DataError: if a split would be left without rows.
    """
    codes_by_file: dict[str, Codes] = {}
    for file, source in sources.items():
        # The rows that are not held out belong to the split with the file's own name.
        codes = np.full(source.num_rows, SPLITS.index(file), "uint8")
        codes_by_file[file] = codes
        fractions = fractions_held_out(dataset, file)
        if not fractions:
            continue
        counts = {split: round(x * source.num_rows) for split, x in fractions.items()}
        if dataset.split_by == "group":
            counts, order = order_by_group(dataset, source, fractions, file)
        elif dataset.split_by == "time":
            times = times_by_file[file].numbers
            counts, order = order_by_time(dataset, source, times, counts, file)
        else:
            order = order_rows(dataset, source.num_rows)
        counts[file] = source.num_rows - sum(counts.values())
        refuse_empty_splits(dataset, file, fractions, counts)
        start = 0
        for split in [s for s in SPLITS if s in counts]:
            codes[order[start : start + counts[split]]] = SPLITS.index(split)
            start += counts[split]
    return codes_by_file


def refuse_empty_splits(
    dataset: Dataset, file: str, fractions: dict[str, float], counts: dict[str, int]
) -> None:
    """Raises a `DataError` if a split of a file gets no rows.

    Args:
        dataset: the data set.
        file: the file, `train` or `test`.
        fractions: {split: fraction of the file's rows to hold out for this split}.
        counts: {split: number of the file's rows}.
    """
    in_groups = ""
    if dataset.split_by == "group":
        in_groups = f", in whole groups of '{dataset.split_column}'"
    for split in [s for s in SPLITS if counts.get(s) == 0]:
        held_out = split if split in fractions else next(iter(fractions))
        raise DataError(
            f"dataset.{held_out}_fraction: this share leaves no {split} rows of the "
            f"{sum(counts.values())} in dataset.{file}{in_groups}; give more rows, or "
            "another share"
        )


def times_to_split_by(dataset: Dataset, sources: dict[str, Source]) -> dict[str, Times]:
    """Reads the times of the rows, for a split by time.

    The times of a file without held-out rows are read too if there are other files, to
    compare them, see `early_rows`.

    Returns: {file: the times of its rows}; {} if the split is not by time.
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


def order_rows(dataset: Dataset, num_rows: int) -> RowNumbers:
    """Returns all row numbers in the order in which splits take them.

    Training rows are taken from the start of this order, and test rows from its end.
    """
    if dataset.split_by == "random":
        return np.random.default_rng(dataset.split_seed).permutation(num_rows)[::-1]
    return np.arange(num_rows)


def order_by_time(
    dataset: Dataset, source: Source, times: Array, counts: dict[str, int], file: str
) -> tuple[dict[str, int], RowNumbers]:
    """Assigns whole times to each split, the latest times to test rows.

    All rows of one time, such as a day, belong to one split, because their order in the
    file may have no meaning. Each split begins with the time that brings it closest to
    its number of rows, and gets at least one time.

    Args:
        dataset: the data set.
        source: the rows of the file.
        times: the time of each row, (rows,).
        counts: {split that is held out: number of rows that it should get}.
        file: the file, `train` or `test`. The rows that are not held out belong to the
            split of this name.

    Returns: {split that is held out: number of rows}, and all row numbers, sorted by
        time.

    Raises:
        DataError: if there are fewer times than splits.
    """
    order = np.argsort(times, kind="stable")
    # The positions in `order` at which another time begins.
    sorted_times = times[order]
    starts = 1 + np.flatnonzero(sorted_times[1:] != sorted_times[:-1])
    sizes = counts | {file: source.num_rows - sum(counts.values())}
    if 0 in sizes.values():
        return counts, order  # the caller refuses an empty split
    splits = [split for split in SPLITS if split in sizes]
    if len(starts) < len(splits) - 1:
        values = "value" if len(starts) == 0 else "values"
        raise DataError(
            f"dataset.split_column: '{dataset.split_column}' holds {len(starts) + 1} "
            f"{values} [{source.locate(0)[0]}], fewer than the splits "
            f"{', '.join(splits)}; name a column with more times, or split by "
            "something else"
        )
    end, last = source.num_rows, len(starts)
    # From the last split to the second, finds the time at which the split begins.
    for i in range(len(splits) - 1, 0, -1):
        # The first `i` times are left for the `i` earlier splits.
        choices = starts[i - 1 : last]
        nearest = int(np.argmin(np.abs(choices - (end - sizes[splits[i]]))))
        last = i - 1 + nearest
        sizes[splits[i]] = end - int(starts[last])
        end = int(starts[last])
    sizes[splits[0]] = end
    return {split: sizes[split] for split in counts}, order


def order_by_group(
    dataset: Dataset, source: Source, fractions: dict[str, float], file: str
) -> tuple[dict[str, int], RowNumbers]:
    """Assigns random whole groups to each split.

    A split gets as many groups as fit into its number of rows, but at least one.

    Args:
        dataset: the data set.
        source: the rows of the file.
        fractions: {split: fraction of the rows to hold out}.
        file: the file, `train` or `test`. The rows that are not held out belong to the
            split of this name.

    Returns: {split that is held out: number of rows}, and all row numbers, sorted by
        the splits of the rows.
    """
    column = split_column(dataset, source)
    check_single_values(f"dataset.split_column: '{dataset.split_column}'", column)
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    row_groups = np.asarray(encoded.indices)
    group_sizes = np.bincount(row_groups)
    groups = np.random.default_rng(dataset.split_seed).permutation(len(group_sizes))
    # The number of rows up to the end of each group, in the random order of the groups.
    ends = np.cumsum(group_sizes[groups])
    group_splits = np.full(len(group_sizes), SPLITS.index(file))
    # Each split takes the groups from `start` up to `stop`.
    start, counts = 0, {}
    for split, fraction in fractions.items():
        end = (ends[start - 1] if start else 0) + round(fraction * source.num_rows)
        stop = max(int(np.searchsorted(ends, end, "right")), start + 1)
        group_splits[groups[start:stop]] = SPLITS.index(split)
        counts[split] = int(group_sizes[groups[start:stop]].sum())
        start = stop
    return counts, np.argsort(group_splits[row_groups], kind="stable")
