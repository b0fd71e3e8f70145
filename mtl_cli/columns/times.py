"""Reads columns of times as hours since 1970, also in exported graphs."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_text, unusable_type
from mtl_cli.columns.cells import Mask, empty_as_null
from mtl_cli.columns.dates import days_graph, days_since_1970
from mtl_cli.columns.numeric import Floats, as_numbers, check_numbers, first_wrong
from mtl_cli.core.errors import DataError, RowError
from mtl_cli.core.message_text import shown
from mtl_cli.core.tensors import Tensor
from mtl_cli.graphs.base import GraphOps, InputKind

TimeFormat = Literal[
    "iso",
    "s",
    "ms",
    "us",
    "ns",
    "yyyymmdd",
    "yyyymmddhh",
    "yyyymmddhhmm",
    "yyyymmddhhmmss",
    "yymmddhh",
]
UNITS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
EPOCH = datetime(1970, 1, 1)
FIX = "correct the cell, or set the feature's format"
# Regular expressions for texts such as 2026-01-31 14:05:09.
LEAP_YEAR = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
MONTH_AND_DAY = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|"
    "02-(0[1-9]|1[0-9]|2[0-8]))"
)
DATE = f"([0-9]{{4}}-{MONTH_AND_DAY}|{LEAP_YEAR}-02-29)"
CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?"
TIME_ZONE = "( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?"


class Times(ABC):
    """Times of one format, read as hours since 1970-01-01 00:00.

    Args:
        name: the name of the feature, for messages.
        needs_hour: whether the hour of the day matters. If false, `read` and `graph`
            may return the first hour of the day, and accept dates without hours.
    """

    kind: ClassVar[InputKind] = "number"  # of the cells in an exported graph

    def __init__(self, name: str, needs_hour: bool) -> None:
        self.message_start = f"feature {name}"
        self.needs_hour = needs_hour

    @abstractmethod
    def read(self, column: pa.ChunkedArray) -> Floats:
        """Returns whole hours, (rows,), NaN where a cell is empty."""

    @abstractmethod
    def graph(self, cells: Tensor, ops: GraphOps) -> Tensor:
        """Builds `read` as a graph for exported models."""

    @abstractmethod
    def cell(self, time: datetime) -> str | float:
        """Writes a time in this format."""

    def read_numbers(self, column: pa.ChunkedArray) -> Floats:
        """Reads a column of finite numbers, and rounds them down."""
        if pa.types.is_temporal(column.type):
            raise DataError(
                f"{self.message_start}: needs numbers, but the column holds "
                f"{column.type}; set the feature's format to iso"
            )
        x = np.floor(as_numbers(self.message_start, column, FIX))
        self.check(x, np.isfinite(x), "a finite number")
        return x

    def check(self, x: Floats, is_time: Mask, rule: str) -> None:
        is_wrong = ~(is_time | np.isnan(x))
        check_numbers(self.message_start, x, is_wrong, rule, FIX)


class EpochTimes(Times):
    """Numbers that count a unit since 1970 in UTC; they must lie before the year 3000.

    Args:
        utc_offset: the local time minus UTC, in hours.
    """

    def __init__(
        self, name: str, needs_hour: bool, unit: str, utc_offset: float
    ) -> None:
        super().__init__(name, needs_hour)
        self.unit = unit
        self.units_per_hour = 3600 * UNITS_PER_SECOND[unit]
        self.shift = utc_offset * self.units_per_hour
        self.low, self.high = (self.cell(datetime(year, 1, 1)) for year in (1, 3000))

    def read(self, column: pa.ChunkedArray) -> Floats:
        x = self.read_numbers(column)
        is_time = (x >= self.low) & (x <= self.high)
        self.check(x, is_time, f"a time before the year 3000 in {self.unit} since 1970")
        return np.floor((x + self.shift) / self.units_per_hour)

    def graph(self, cells: Tensor, ops: GraphOps) -> Tensor:
        x = ops.floor_divide(cells, 1)
        ops.require(ops.is_within(x, self.low, self.high))
        local = ops.weighted_sum([(x, 1)], self.shift)
        return ops.floor_divide(local, self.units_per_hour)

    def cell(self, time: datetime) -> float:
        hours = (time - EPOCH) / timedelta(hours=1)
        return float(round(hours * self.units_per_hour - self.shift))


class DigitTimes(Times):
    """Times that are written as one number, such as 2026013114."""

    def __init__(self, name: str, needs_hour: bool, digit_format: str) -> None:
        super().__init__(name, needs_hour)
        self.format = digit_format
        self.first_year = 2000 if digit_format.startswith("yym") else 0
        _, _, clock = digit_format.partition("dd")
        self.clock_divisor = 10 ** len(clock)

    def read(self, column: pa.ChunkedArray) -> Floats:
        x = self.read_numbers(column)
        date, clock = np.divmod(x, self.clock_divisor)
        year, month_and_day = np.divmod(date, 10_000)
        month, day = np.divmod(month_and_day, 100)
        year += self.first_year
        days = days_since_1970(year, month, day)
        is_time = (year >= self.first_year) & (year <= 9999) & (month >= 1)
        is_time &= (month <= 12) & (day >= 1)
        is_time &= days < days_since_1970(year, month + 1, 1)
        hour = np.zeros(len(x))
        if self.needs_hour:
            hour = np.floor(clock / (self.clock_divisor // 100))
            is_time &= hour <= 23
        self.check(x, is_time, f"a time of the form {self.format}")
        return np.asarray(24 * days + hour)

    def graph(self, cells: Tensor, ops: GraphOps) -> Tensor:
        x = ops.floor_divide(cells, 1)
        date, clock = ops.divmod(x, self.clock_divisor)
        year, month_and_day = ops.divmod(date, 10_000)
        month, day = ops.divmod(month_and_day, 100)
        ops.require(ops.is_within(year, 0, 9999 - self.first_year))
        ops.require(ops.is_within(month, 1, 12))
        ops.require(ops.is_within(day, 1, 31))
        year = ops.weighted_sum([(year, 1)], self.first_year)
        days = days_graph(year, month, day, ops)
        next_month = ops.weighted_sum([(month, 1)], 1)
        first = ops.weighted_sum([(day, 0)], 1)
        days_left = [(days_graph(year, next_month, first, ops), 1), (days, -1)]
        ops.require(ops.is_within(ops.weighted_sum(days_left), 1, 31))
        terms = [(days, 24)]
        if self.needs_hour:
            hour = ops.floor_divide(clock, self.clock_divisor // 100)
            ops.require(ops.is_within(hour, 0, 23))
            terms.append((hour, 1))
        return ops.weighted_sum(terms)

    def cell(self, time: datetime) -> float:
        year = time.year - self.first_year
        digits = f"{year:04}{time:%m%d%H%M%S}"
        return float(digits[: 4 + len(self.format.lstrip("y"))])


class IsoTimes(Times):
    """Texts such as 2026-01-31 14:05:09, dates, or timestamps.

    Times with a time zone are not converted: the hour of 14:05+02:00 is 14.
    """

    kind = "text"

    def __init__(self, name: str, needs_hour: bool) -> None:
        super().__init__(name, needs_hour)
        clock = f"[T ]{CLOCK}{TIME_ZONE}"
        self.pattern = DATE + (clock if needs_hour else f"({clock})?")

    def read(self, column: pa.ChunkedArray) -> Floats:
        dtype = column.type
        if is_text(dtype) or pa.types.is_null(dtype):
            return self.read_texts(column.cast(pa.large_string()))
        unusable = unusable_type(column)
        if unusable or not (pa.types.is_timestamp(dtype) or pa.types.is_date(dtype)):
            raise DataError(
                f"{self.message_start}: needs times such as 2026-01-31 14:05:09, but "
                f"the column holds {unusable or dtype}; if numbers count the seconds "
                "since 1970, set the feature's format to s"
            )
        if self.needs_hour and pa.types.is_date(dtype):
            raise DataError(
                f"{self.message_start}: needs hours, but the column holds {dtype}; set "
                "the feature's part to weekday, or remove the feature"
            )
        if pa.types.is_timestamp(dtype) and dtype.tz:
            column = pc.local_timestamp(column)
        hours = column.to_numpy().astype("datetime64[h]")
        return np.where(np.isnat(hours), np.nan, hours.astype("float64"))

    def read_texts(self, column: pa.ChunkedArray) -> Floats:
        encoded = empty_as_null(column).combine_chunks().dictionary_encode()
        texts, codes = encoded.dictionary, encoded.indices
        is_wrong = pc.invert(pc.match_substring_regex(texts, f"^({self.pattern})$"))
        wrong = first_wrong(np.asarray(is_wrong.take(codes).fill_null(False)))
        if wrong:
            row, count_text = wrong
            example = "2026-01-31 14:05:09" if self.needs_hour else "2026-01-31"
            raise RowError(
                self.message_start,
                row,
                f"holds {shown(column[row].as_py())}, not a time such as {example} "
                f"({count_text}); {FIX}",
            )
        days = pc.utf8_slice_codeunits(texts, 0, 10).cast(pa.date32())
        hours = 24.0 * np.asarray(days.cast(pa.int32()))
        if self.needs_hour:
            hours += np.asarray(pc.utf8_slice_codeunits(texts, 11, 13), "float64")
        return np.asarray(pa.array(hours).take(codes).fill_null(np.nan))

    def graph(self, cells: Tensor, ops: GraphOps) -> Tensor:
        ops.require(ops.matches(cells, f"({self.pattern})?"))
        year, month, day_and_clock = (ops.split_item(cells, "-", i) for i in range(3))
        # The clock stands behind a space or a "T". "UTC" behind a clock has a "T" too.
        before, after_space = (ops.split_item(day_and_clock, " ", i) for i in range(2))
        day, after_t = (ops.split_item(before, "T", i) for i in range(2))
        year, month, day = (ops.parse_numbers(text) for text in (year, month, day))
        terms = [(days_graph(year, month, day, ops), 24)]
        if self.needs_hour:
            clock = ops.join_columns([after_t, after_space], "")
            terms.append((ops.parse_numbers(ops.split_item(clock, ":", 0)), 1))
        return ops.weighted_sum(terms)

    def cell(self, time: datetime) -> str:
        return time.isoformat(" ")
