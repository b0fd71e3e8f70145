"""Tells ids and codes from amounts by how often each whole number occurs."""

import numpy as np

from mtl_cli.init.column_profile import MAX_CATEGORIES, Array, ColumnProfile

# The limits of `repeat_as_ids`.
MIN_DISTINCT_IDS = 1000
MIN_ROWS_PER_ID = 5  # on average
MAX_SHARE_PER_ID = 0.25  # of the cells
# The limits of `repeat_as_codes`.
MIN_ROWS_PER_CODE = 30  # on average
MAX_SHARE_PER_CODE = 0.5  # of the cells
MAX_SMOOTHNESS_OF_CODES = 1.5
MIN_DIFFERENCE_OF_CODES = 5.0  # of the counts of two codes, see `mean_difference`
# The limits of `counts_follow_size`.
MIN_RANGE = 1.5  # numbers in the range for each number that occurs
MIN_SMOOTHNESS = 3.0
RANDOM_PAIRS = 100_000
MIN_ROUND_SHARE = 0.5  # see `are_often_round`
MIN_ROUND_SHARE_OF_TEN = 0.9  # of the ten most frequent numbers


def repeat_as_ids(column: ColumnProfile) -> bool:
    """Whether a column has many distinct whole numbers that repeat as ids do.

    Ids are not negative, and occur several times on average. So do some amounts, but
    often a single amount, such as 0, fills a large share of the cells; no id does. Or
    the counts of amounts follow their size, or round amounts are frequent.
    """
    return bool(
        column.numbers is not None
        and column.numbers.min() >= 0
        and column.num_distinct >= MIN_DISTINCT_IDS
        and column.num_filled >= MIN_ROWS_PER_ID * column.num_distinct
        and column.counts.max() < MAX_SHARE_PER_ID * column.num_filled
        and not counts_follow_size(column.numbers, column.counts)
        and not are_often_round(column.numbers, column.counts)
    )


def repeat_as_codes(column: ColumnProfile) -> bool:
    """Whether a column has dozens or hundreds of whole numbers that repeat as codes do.

    Each code occurs in many rows, but some codes far more often than others, whatever
    their size. -1 may stand for a missing code.
    """
    numbers, counts = column.numbers, column.counts
    if numbers is None or numbers.min() < -1:
        return False
    if not MAX_CATEGORIES < column.num_distinct < MIN_DISTINCT_IDS:
        return False
    of_random_pairs, smoothness = compare_counts(numbers, counts)
    return bool(
        column.num_filled >= MIN_ROWS_PER_CODE * column.num_distinct
        and counts.max() < MAX_SHARE_PER_CODE * column.num_filled
        and of_random_pairs > MIN_DIFFERENCE_OF_CODES
        and smoothness < MAX_SMOOTHNESS_OF_CODES
        and not are_often_round(numbers, counts)
    )


def counts_follow_size(numbers: Array, counts: Array) -> bool:
    """Whether numbers of about the same size occur about equally often.

    Amounts do so: 17 votes are about as frequent as 18, but more so than 900. The count
    of an id says little about the count of the next id. If most numbers of their range
    occur, they may be ids in the order of their counts.

    Args:
        numbers: distinct whole numbers.
        counts: the number of times that each of `numbers` occurs.
    """
    if numbers.max() - numbers.min() + 1 < MIN_RANGE * len(numbers):
        return False
    return compare_counts(numbers, counts)[1] > MIN_SMOOTHNESS


def are_often_round(numbers: Array, counts: Array) -> bool:
    """Whether most of the frequent numbers end in 0 or 5, or in 9, as prices do.

    If sizes such as 600 and 1000 are the most frequent numbers by far, but others fill
    many cells too, nearly all of the ten most frequent numbers are round. Zeros that
    all numbers end in do not count, as in the codes 1100, 1200 and 1300. `numbers` are
    distinct whole numbers, and `counts` says how often each occurs.
    """
    with np.errstate(invalid="ignore"):  # numbers beyond int64
        unit = max(1, int(np.gcd.reduce(numbers.astype("int64"))))
    frequent = np.argsort(-counts, kind="stable")[: max(10, len(counts) // 10)]
    last_digits = numbers[frequent] / unit % 10
    endings = np.isin(last_digits, [0, 5]), last_digits == 9
    return any(
        has_ending.mean() >= MIN_ROUND_SHARE
        or has_ending[:10].mean() >= MIN_ROUND_SHARE_OF_TEN
        for has_ending in endings
    )


def compare_counts(numbers: Array, counts: Array) -> tuple[float, float]:
    """Compares the counts of random pairs of numbers, and of neighbours.

    Returns: the mean difference of random pairs, see `mean_difference`, and its ratio
        to the mean difference of numbers that follow each other by size.
    """
    pairs = np.random.default_rng(0).choice(counts, (2, RANDOM_PAIRS))
    by_size = counts[np.argsort(numbers)]
    of_random_pairs = mean_difference(*pairs)
    of_neighbours = mean_difference(by_size[:-1], by_size[1:])
    return of_random_pairs, of_random_pairs / max(1.0, of_neighbours)


def mean_difference(a: Array, b: Array) -> float:
    """Returns the mean of (a - b)^2 / (a + b), for counts a and b, (pairs,).

    The mean is about 1 if only chance makes the counts differ.
    """
    return float(np.mean((a - b) ** 2 / (a + b)))
