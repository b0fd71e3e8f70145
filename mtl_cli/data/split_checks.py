"""Finds splits by time whose validation or test scores say little about later rows."""

import math

import numpy as np

from mtl_cli.data.split import SPLITS, Codes
from mtl_cli.data.split_times import Times
from mtl_cli.data.table import Array

UNITS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
SECONDS_PER_DAY = 86400
# Held-out rows that cover a smaller part of a day lack hours that other rows have.
MIN_PART_OF_DAY = 0.8
# A table of fewer days is too short to advise holding out a whole day.
MIN_DAYS = 3
# If a column holds only days, each time is a midnight. In UTC, the midnights of a time
# zone have at most two times of day: one in summer and one in winter.
MAX_TIMES_OF_MIDNIGHT = 2


def count_early_rows(
    times_by_table: dict[str, Times], codes_by_table: dict[str, Codes]
) -> dict[str, int]:
    """Counts, for each split, the rows that are earlier than the last training row.

    Only rows from the tables `valid` and `test` are counted. A table is left out if its
    times have another unit than the times of `train`. The times come from
    `times_to_split_by`, and the codes from `split_rows`.

    Returns: {split: number of such rows}, without zeros.
    """
    if len(times_by_table) < 2:
        return {}
    train = times_by_table["train"]
    is_training = codes_by_table["train"] == SPLITS.index("train")
    last_time = train.numbers[is_training].max()
    counts = dict.fromkeys(SPLITS, 0)
    for table_name, times in times_by_table.items():
        if table_name != "train" and times.unit == train.unit:
            codes = codes_by_table[table_name][times.numbers < last_time]
            for code, split in enumerate(SPLITS):
                counts[split] += int((codes == code).sum())
    return {split: count for split, count in counts.items() if count}


def part_of_day_warnings(
    times_by_table: dict[str, Times], codes_by_table: dict[str, Codes]
) -> list[str]:
    """Returns a warning for each split whose held-out rows cover only a part of a day.

    People do other things in the evening than in the morning. If only evenings are held
    out, early stopping and calibration are wrong for the other hours. Times that are
    only days, or numbers without a unit, are not checked.
    """
    warnings = []
    for table_name, times in times_by_table.items():
        if not times.unit.startswith("timestamp["):
            continue
        numbers = times.numbers
        day_length = units_per_day(times.unit)
        codes = codes_by_table[table_name]
        kept_code = SPLITS.index(table_name)
        days_kept = span(numbers[codes == kept_code]) / day_length
        if days_kept < MIN_PART_OF_DAY:
            continue
        num_days = span(numbers) / day_length
        for code in np.unique(codes[codes != kept_code]):
            split = SPLITS[code]
            days_covered = span(numbers[codes == code]) / day_length
            # `has_hours` takes long, so it is called last.
            if days_covered < MIN_PART_OF_DAY and has_hours(numbers, day_length):
                warnings.append(part_of_day_warning(split, days_covered, num_days))
    return warnings


def units_per_day(unit: str) -> int:
    """Returns the length of a day in the unit of `Times`, such as "timestamp[us]".

    A unit may also name a time zone: "timestamp[us, tz=UTC]".
    """
    short_unit = unit.removeprefix("timestamp[").rstrip("]").split(",")[0]
    return SECONDS_PER_DAY * UNITS_PER_SECOND[short_unit]


def span(numbers: Array) -> float:
    """Returns the time from the first to the last row; 0 without rows."""
    return float(numbers.max() - numbers.min()) if len(numbers) else 0.0


def has_hours(numbers: Array, day_length: int) -> bool:
    """Whether times have a time of day; False if the times are only days."""
    return len(np.unique(numbers % day_length)) > MAX_TIMES_OF_MIDNIGHT


def part_of_day_warning(split: str, days_covered: float, num_days: float) -> str:
    """Returns the warning about the held-out rows of a table of `num_days` days."""
    uses = ", early stopping and calibration" if split == "valid" else ""
    if num_days >= MIN_DAYS:
        # A day's fraction of the table, rounded up to hundredths: a smaller fraction
        # would lack some hours of the day.
        fraction = math.ceil(100 / num_days) / 100
        fix = f"dataset.{split}_fraction={fraction} holds out a whole day"
    else:
        fix = (
            "dataset.split_by=random dataset.split_column=null holds out rows of all "
            "hours"
        )
    return (
        f"{split} rows cover only {24 * days_covered:.1f} hours, so their scores{uses} "
        f"hold only for these hours of the day; {fix}"
    )
