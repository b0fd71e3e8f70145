"""Says if a split by time would hold out less than a day of test rows."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_summary import first_and_last_time

DAY = timedelta(days=1)


def held_out_hours_note(column: ColumnProfile, test_fraction: float) -> list[str]:
    """Returns a note if the last rows by a column of times lie within a day, else [].

    There is no note if all rows lie within a day, because `mtl-train` says so, nor if
    the times are days, because a split by time holds out whole days then.
    """
    keys = column.values.to_numpy(False) if column.numbers is None else column.numbers
    order = np.argsort(keys)
    num_rows = np.cumsum(column.counts[order])
    start = int(np.searchsorted(num_rows, (1 - test_fraction) * num_rows[-1], "right"))
    held_out = replace(
        column,
        values=column.values.take(pa.array(order[start:])),
        numbers=None if column.numbers is None else column.numbers[order[start:]],
    )
    # The pattern of times also fits texts such as 2026-02-31.
    with suppress(ValueError):
        first, last = first_and_last(column)
        first_held_out, _ = first_and_last(held_out)
        num_days = (last - first) / DAY
        is_hourly = column.num_distinct > num_days + 1
        if num_days >= 1 and is_hourly and last - first_held_out < DAY:
            return [
                f"the test rows, the last {test_fraction:.0%} by {column.name}, begin "
                f"at {first_held_out} and span less than a day, so the scores hold for "
                "these hours alone; give whole days as --test TABLE, raise "
                "test_fraction, or write split_by: random and split_column: null"
            ]
    return []


def first_and_last(column: ColumnProfile) -> list[datetime]:
    """Returns the first and the last time, without time zones; [] without times."""
    texts = first_and_last_time(column) or ()
    times = [text.removesuffix("UTC").rstrip() for text in texts]
    return [datetime.fromisoformat(time).replace(tzinfo=None) for time in times]
