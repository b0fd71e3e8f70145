"""Hours and weekdays of times."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from helpers.fitted_columns import fit_and_encode
from helpers.planted_data import loaded, parquet
from pydantic import ValidationError

from mtl_cli.core.errors import DataError
from mtl_cli.data.feature_graph import example_rows
from mtl_cli.features.calendar import Calendar
from mtl_cli.features.cross import Cross
from mtl_cli.features.sparse import Sparse

# Times around the ends of hours, weeks, months and centuries, and one each 1,234 hours.
TIMES = [
    datetime(2000, 2, 29, 23, 59, 59),
    datetime(2024, 2, 29, 0, 0),
    datetime(2024, 12, 31, 23, 59, 59),
    datetime(2026, 3, 1, 0, 0),
    datetime(2099, 12, 31, 13, 30),
    *(datetime(2001, 1, 1, 3, 4, 5) + timedelta(hours=1234 * i) for i in range(500)),
]
OLD_TIMES = [*TIMES, datetime(1969, 12, 31, 23, 59, 59), datetime(1900, 3, 1)]
PART_OF = {
    "hour": lambda time: time.hour,
    "weekday": lambda time: time.weekday(),
    "hour_of_week": lambda time: 24 * time.weekday() + time.hour,
}
DIGITS = {
    "yyyymmdd": "%Y%m%d",
    "yyyymmddhh": "%Y%m%d%H",
    "yyyymmddhhmm": "%Y%m%d%H%M",
    "yyyymmddhhmmss": "%Y%m%d%H%M%S",
    "yymmddhh": "%y%m%d%H",
}


def calendar(**keys: Any) -> Calendar:
    return Calendar(kind="calendar", **keys)


def ids_of(cells: Any, **keys: Any) -> list[int]:
    features = {"x": calendar(**keys)}
    _, encoded = fit_and_encode(features, x=cells)
    ids: list[int] = encoded["ids"][:, 0].tolist()
    return ids


def expected_ids(part: str, times: list[datetime]) -> list[int]:
    """The ids of the times, and of an empty cell after them."""
    return [*(1 + PART_OF[part](time) for time in times), 0]


@pytest.mark.parametrize("utc_offset", [0, 5.5, -8])
@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1e3), ("us", 1e6)])
@pytest.mark.parametrize("part", PART_OF)
def test_times_since_1970_are_shifted_by_utc_offset(
    part: str, unit: str, factor: float, utc_offset: float
) -> None:
    zone = timezone(timedelta(hours=utc_offset))
    instants = [time.replace(tzinfo=UTC) for time in OLD_TIMES]
    cells = [round(time.timestamp() * factor) for time in instants]
    local = [time.astimezone(zone) for time in instants]
    ids = ids_of([*cells, None], part=part, format=unit, utc_offset=utc_offset)
    assert ids == expected_ids(part, local)


def test_times_in_nanoseconds_are_as_exact_as_float64() -> None:
    cells = [round(t.replace(tzinfo=UTC).timestamp()) * 10**9 for t in TIMES]
    ids = ids_of([*cells, None], part="hour", format="ns")
    assert ids == expected_ids("hour", TIMES)


@pytest.mark.parametrize("part", PART_OF)
@pytest.mark.parametrize("digits", DIGITS)
def test_times_of_digits(digits: str, part: str) -> None:
    if digits == "yyyymmdd" and part != "weekday":
        with pytest.raises(ValidationError, match="have no hours"):
            calendar(part=part, format=digits)
        return
    times = TIMES if digits == "yymmddhh" else OLD_TIMES
    cells = [int(time.strftime(DIGITS[digits])) for time in times]
    ids = ids_of([*cells, None], part=part, format=digits)
    assert ids == expected_ids(part, times)
    texts = [*map(str, cells), ""]
    assert ids_of(texts, part=part, format=digits) == ids


@pytest.mark.parametrize("part", PART_OF)
@pytest.mark.parametrize(
    "write",
    ["{:%Y-%m-%d %H:%M:%S}", "{:%Y-%m-%dT%H:%M}Z", "{:%Y-%m-%d %H:%M:%S.5+02:00}"],
)
def test_hour_of_a_text_is_the_written_hour(write: str, part: str) -> None:
    cells = [write.format(time) for time in OLD_TIMES]
    assert ids_of([*cells, None], part=part) == expected_ids(part, OLD_TIMES)


@pytest.mark.parametrize("part", PART_OF)
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_hour_of_a_timestamp_is_that_of_its_time_zone(unit: str, part: str) -> None:
    column = pa.array([*TIMES, None], pa.timestamp(unit))
    assert ids_of(column, part=part) == expected_ids(part, TIMES)
    instants = [time.replace(tzinfo=UTC) for time in TIMES]
    tokyo = pa.array([*instants, None], pa.timestamp(unit, "Asia/Tokyo"))
    local = [time + timedelta(hours=9) for time in TIMES]
    assert ids_of(tokyo, part=part) == expected_ids(part, local)


def test_dates_have_weekdays_but_no_hours() -> None:
    days = [time.date() for time in TIMES]
    for column in (
        pa.array([*days, None], pa.date32()),
        pa.array([*days, None], pa.date64()),
        pa.array([*map(str, days), None]),
    ):
        assert ids_of(column, part="weekday") == expected_ids("weekday", TIMES)
        with pytest.raises(DataError, match="set the feature's"):
            ids_of(column, part="hour")


@pytest.mark.parametrize(
    ("cells", "keys", "message"),
    [
        ([1767225600], {}, "holds int64; if numbers count the seconds since 1970, set"),
        ([[1]], {}, "the column holds list"),
        ([datetime(2026, 1, 1)], {"format": "s"}, "set the feature's format to iso"),
        (["2026-02-30 10:00"], {}, "row 1 holds '2026-02-30 10:00', not a time"),
        ([5, 1767225600000], {"format": "s"}, "row 2 holds 1767225600000, not a time"),
        ([26013124], {"format": "yymmddhh"}, "row 1 holds 26013124, not a time of"),
        (["noon"], {"format": "s"}, "row 1 holds 'noon', not a number; correct"),
        ([date(2026, 1, 1)], {}, "needs hours, but the column holds date32"),
    ],
)
def test_other_cells_are_refused(
    cells: list[Any], keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        ids_of(cells, part="hour", **keys)


def test_only_times_since_1970_have_an_offset() -> None:
    with pytest.raises(ValidationError, match="remove utc_offset"):
        calendar(part="hour", utc_offset=1)


def test_example_rows_fit_features_of_other_kinds_that_read_the_same_column() -> None:
    features = {
        "at": Sparse(kind="sparse"),
        "x": calendar(part="hour", column="at", format="yymmddhh"),
        "y": Cross(kind="cross", columns=["at", "user"]),
        "day": calendar(part="weekday", column="at", format="yymmddhh"),
    }
    feature_set, _ = fit_and_encode(features, at=[26013114, 26013115], user=[1, 2])
    rows = example_rows(feature_set, 30)
    assert feature_set.encode(rows)["ids"][:, 1].any()


def test_all_hours_have_an_embedding_and_a_name() -> None:
    times = [datetime(2026, 2, 1, 7), datetime(2026, 2, 2, 23)]  # Sunday, Monday
    for part, num_values, names in (
        ("hour", 24, ["(empty or rare)", "07:00", "23:00"]),
        ("weekday", 7, ["(empty or rare)", "Sunday", "Monday"]),
        ("hour_of_week", 168, ["(empty or rare)", "Sunday 07:00", "Monday 23:00"]),
    ):
        features = {"x": calendar(part=part)}
        feature_set, encoded = fit_and_encode(features, x=[*times, None])
        assert feature_set.layout.tables["x"].size == 1 + num_values
        ids = encoded["ids"][[2, 0, 1], 0]
        assert feature_set.by_name["x"].value_names(ids, {}) == names


def test_several_features_read_one_column_of_a_text_file_as_text(tmp_path) -> None:
    times = [f"2026-01-{day:02} {day % 24:02}:00" for day in range(1, 29)]
    features = {
        "hour": {"kind": "calendar", "part": "hour", "column": "time"},
        "weekday": {"kind": "calendar", "part": "weekday", "column": "time"},
        "time": {"kind": "sparse"},
    }
    table = {"time": times, "buy": [0, 1] * 14}
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    data = loaded(parquet(tmp_path, table), features, tasks, valid_fraction=0)
    hours, weekdays, _ = data.splits["train"].features["ids"].T.tolist()
    assert hours == [1 + day % 24 for day in range(1, 29)]
    assert weekdays == [1 + (day + 2) % 7 for day in range(1, 29)]
