"""The feature kind `calendar`."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from mtl_cli.columns.examples import UNUSUAL_ROW_STEP, Cells
from mtl_cli.columns.fitters import Learnt
from mtl_cli.columns.numeric import Floats
from mtl_cli.columns.times import (
    UNITS_PER_SECOND,
    DigitTimes,
    EpochTimes,
    IsoTimes,
    TimeFormat,
    Times,
)
from mtl_cli.columns.vocabulary import NO_ID
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Embedded
from mtl_cli.graphs.base import GraphOps, InputKind

WEEKDAYS = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
]
# {part: (hours after which the part repeats, hours of one value)}
HOURS_OF_PARTS = {"hour": (24, 1), "weekday": (7 * 24, 24), "hour_of_week": (7 * 24, 1)}
# The hour 0 is 1970-01-01 00:00, a Thursday.
HOURS_SINCE_MONDAY = 3 * 24


class Calendar(Embedded):
    """The hour or the weekday of a column of times; each gets an embedding.

    Attributes:
        part: `hour` of the day, `weekday`, or `hour_of_week` (168 values).
        column: the column of times; null is the column with the feature's name.
        format: the form of the times. `iso` stands for text such as 2026-01-31
            14:05:09, and for columns of dates and timestamps. Their hours are read as
            they are written, in any time zone. `s`, `ms`, `us` and `ns` are numbers
            that count seconds or parts of a second since 1970. The other forms are
            written as one number, such as 2026013114 for `yyyymmddhh`.
        utc_offset: the local time minus UTC, in hours, such as 5.5 or -8. Only times
            that count since 1970 need it.
    """

    part: Literal["hour", "weekday", "hour_of_week"]
    column: str | None = None
    format: TimeFormat = "iso"
    utc_offset: Annotated[float, Field(ge=-24, le=24)] = 0

    needs_own_examples = True

    @model_validator(mode="after")
    def _check_format(self) -> Self:
        if self.utc_offset and self.format not in UNITS_PER_SECOND:
            raise ValueError(
                f"utc_offset: times of format {self.format} are read as they are "
                "written; remove utc_offset, or set format to s, ms, us or ns"
            )
        if self.format == "yyyymmdd" and self.part != "weekday":
            raise ValueError(
                "part: times of format yyyymmdd have no hours; expected weekday"
            )
        return self

    def source_columns(self, name: str) -> list[str]:
        return [name if self.column is None else self.column]

    def times(self, name: str) -> Times:
        """Returns the reader of the feature's times."""
        needs_hour = self.part != "weekday"
        if self.format == "iso":
            return IsoTimes(name, needs_hour)
        if self.format in UNITS_PER_SECOND:
            return EpochTimes(name, needs_hour, self.format, self.utc_offset)
        return DigitTimes(name, needs_hour, self.format)

    def read(self, name: str, table: pa.Table) -> Floats:
        (column,) = self.source_columns(name)
        return self.times(name).read(table[column])

    def encode(self, name: str, values: Floats, learnt: Learnt) -> dict[str, Array]:
        period, step = HOURS_OF_PARTS[self.part]
        ids = 1 + (values + HOURS_SINCE_MONDAY) % period // step
        return {"ids": np.where(np.isnan(values), 0, ids).astype("int64")[:, None]}

    def input_kinds(self, name: str) -> dict[str, InputKind]:
        return dict.fromkeys(self.source_columns(name), self.times(name).kind)

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        times = self.times(name)
        (column,) = self.source_columns(name)
        hours = times.graph(ops.read_column(column, times.kind), ops)
        period, step = HOURS_OF_PARTS[self.part]
        hours = ops.weighted_sum([(hours, 1)], HOURS_SINCE_MONDAY)
        _, hours = ops.divmod(hours, period)
        starts = [*range(step, period, step)]
        return {"ids": ops.to_matrix(ops.bucket_ids(hours, starts))}

    def examples(
        self, name: str, learnt: Learnt, random: np.random.Generator, num_rows: int
    ) -> dict[str, Cells]:
        times = self.times(name)
        (column,) = self.source_columns(name)
        start, century = datetime(2000, 1, 1), 100 * 365 * 24 * 3600  # seconds
        seconds = random.integers(century, size=num_rows).tolist()
        cells: Cells = [times.cell(start + timedelta(seconds=x)) for x in seconds]
        cells[::UNUSUAL_ROW_STEP] = [None] * len(cells[::UNUSUAL_ROW_STEP])
        return {column: cells}

    def value_names(self, values: Array, learnt: Learnt) -> list[str]:
        hours = [f"{hour:02}:00" for hour in range(24)]
        names = {
            "hour": hours,
            "weekday": WEEKDAYS,
            "hour_of_week": [f"{day} {hour}" for day in WEEKDAYS for hour in hours],
        }[self.part]
        names_by_id = [NO_ID, *names]
        return [names_by_id[i] for i in values.tolist()]

    def num_ids(self, learnt: Learnt) -> int:
        period, step = HOURS_OF_PARTS[self.part]
        return 1 + period // step
