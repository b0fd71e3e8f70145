"""Finds held-out rows whose times make their scores doubtful."""

import math

import numpy as np

from mtl_cli.data.split import SPLITS, Codes
from mtl_cli.data.split_times import Times
from mtl_cli.data.table import Array

UNITS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
SECONDS_PER_DAY = 86400
# Rows that cover a smaller part of a day may lack hours that other rows have.
MIN_PART_OF_DAY = 0.8
# From this number of days on, a split by time can hold out a whole day.
MIN_DAYS = 3


def early_rows(
    times_by_file: dict[str, Times], codes_by_file: dict[str, Codes]
) -> dict[str, int]:
    """Counts the rows of other files that are earlier than the last training row.

    The times are those of `times_to_split_by`. The rows of a file are not counted if
    its times have another unit than the times of the training file.

    Returns: {split: number of such rows}, without zeros.
    """
    if len(times_by_file) < 2:
        return {}
    train = times_by_file["train"]
    is_training = codes_by_file["train"] == SPLITS.index("train")
    last_time = train.numbers[is_training].max()
    counts: dict[str, int] = {}
    for file, times in times_by_file.items():
        if file != "train" and times.unit == train.unit:
            codes = codes_by_file[file][times.numbers < last_time]
            by_split = np.bincount(codes, minlength=len(SPLITS)).tolist()
            for split, count in zip(SPLITS, by_split, strict=True):
                counts[split] = counts.get(split, 0) + count
    return {split: count for split, count in counts.items() if count}


def parts_of_days(
    times_by_file: dict[str, Times], codes_by_file: dict[str, Codes]
) -> dict[str, str]:
    """Returns {split: a warning that its rows cover only some hours of a day}.

    People do other things in the evening than in the morning. If only evenings are held
    out, early stopping and calibration are wrong for the other hours. Times that are
    only days, or numbers without a unit, are not checked.
    """
    warnings = {}
    for file, (times, unit) in times_by_file.items():
        if not unit.startswith("timestamp["):
            continue
        # The unit is, for instance, "timestamp[us]" or "timestamp[us, tz=UTC]".
        short_unit = unit.removeprefix("timestamp[").rstrip("]").split(",")[0]
        day = SECONDS_PER_DAY * UNITS_PER_SECOND[short_unit]
        codes = codes_by_file[file]
        kept = times[codes == SPLITS.index(file)]
        for split in [SPLITS[code] for code in np.unique(codes)]:
            rows = times[codes == SPLITS.index(split)]
            is_part = span(rows) < MIN_PART_OF_DAY * day <= span(kept)
            has_hours = (rows % day).any()
            if split == file or not is_part or not has_hours:
                continue
            uses = ", early stopping and calibration" if split == "valid" else ""
            num_days = span(times) / day
            fix = "dataset.split_by=random dataset.split_column=null takes all hours"
            if num_days >= MIN_DAYS:
                fraction = math.ceil(100 / num_days) / 100
                fix = f"dataset.{split}_fraction={fraction} takes a whole day"
            warnings[split] = (
                f"{split} rows cover only {24 * span(rows) / day:.1f} hours, so their "
                f"scores{uses} hold for these hours of the day; {fix}"
            )
    return warnings


def span(times: Array) -> float:
    """Returns the time from the first to the last of some rows, 0 without rows."""
    return float(times.max() - times.min()) if len(times) else 0.0
