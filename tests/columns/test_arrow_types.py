"""Columns without a single value in each cell are refused wherever one is needed."""

from typing import Any

import pyarrow as pa
import pytest

from mtl_cli.columns.arrow_types import (
    common_type,
    plain_type,
    unusable_type,
    with_plain_types,
)
from mtl_cli.core.errors import DataError
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import GroupCodes
from mtl_cli.data.profile import row_hashes
from mtl_cli.data.sources import Source
from mtl_cli.data.split import split_rows
from mtl_cli.init.column_profile import profile_column
from mtl_cli.scoring.slices import slices_by

ROWS = 100


def numbers(start: int, arrow_type: pa.DataType) -> pa.Array:
    """Numbers from `start` on, as times of a type."""
    whole = pa.int32() if arrow_type.bit_width == 32 else pa.int64()
    return pa.array(range(start, start + ROWS), whole).view(arrow_type)


def empty(arrow_type: pa.DataType) -> pa.Array:
    return pa.nulls(ROWS, arrow_type)


UNKNOWN_ZONE = pa.timestamp("s", "Not/AZone")
# {name: cells}
UNUSABLE: dict[str, Any] = {
    "struct": pa.array([{"a": 1}] * ROWS),
    "uuid": pa.array([bytes([i] * 16) for i in range(ROWS)], pa.uuid()),
    "json": pa.array(["{}"] * ROWS, pa.json_()),
    "bool8": pa.array([1] * ROWS, pa.int8()).cast(pa.bool8()),
    "months": pa.array([pa.MonthDayNano((i, 0, 0)) for i in range(ROWS)]),
    "run_ends": pa.RunEndEncodedArray.from_arrays([ROWS], [3]),
    "late_day": numbers(2**31 - ROWS, pa.date32()),
    "early_day": numbers(-(2**31), pa.date32()),
    "late_date": numbers(2**62, pa.date64()),
    "late_second": numbers(2**62, pa.timestamp("s")),
    "late_microsecond": numbers(2**62, pa.timestamp("us")),
    "late_time": numbers(2**62, pa.time64("us")),
    "long_duration": numbers(2**62, pa.duration("s")),
    "unknown_zone": numbers(0, UNKNOWN_ZONE),
    "dictionary_of_late_days": numbers(2**31 - ROWS, pa.date32()).dictionary_encode(),
}
USABLE: dict[str, Any] = {
    "number": numbers(0, pa.int64()),
    "half": pa.array(range(ROWS), pa.float16()),
    "text": pa.array(["a", "b"] * (ROWS // 2)),
    "day": numbers(2_932_896 - ROWS, pa.date32()),  # up to 9999-12-31
    "zone": numbers(0, pa.timestamp("ms", "Europe/Rome")),
    "offset": numbers(0, pa.timestamp("ns", "+01:00")),
    "nanosecond": numbers(2**62, pa.timestamp("ns")),
    "time": numbers(0, pa.time32("s")),
    "nanosecond_of_day": numbers(1, pa.time64("ns")),
    "duration": numbers(0, pa.duration("ns")),
    "empty_day": empty(pa.date32()),
    "empty": empty(pa.null()),
}


def split_by(kind: str, cells: pa.ChunkedArray) -> None:
    """Splits rows by groups or times in a column `x`."""
    table = pa.table({"x": cells})
    declared = Dataset.model_validate(
        {
            "name": "rows",
            "train": "train.feather",
            "test": None,
            "valid_fraction": 0.2,
            "split_by": kind,
            "split_column": "x",
            "features": {"x": {"kind": "sparse"}},
            "tasks": {"buy": {"label": "buy", "kind": "binary"}},
        }
    )
    sources = {"train": Source("train", table.num_rows, lambda _: iter([table]))}
    split_rows(declared, sources)


@pytest.mark.parametrize("name", UNUSABLE)
def test_column_without_single_values_is_refused_in_one_line(name: str) -> None:
    cells = pa.chunked_array([UNUSABLE[name]])
    assert unusable_type(cells)
    for use in ("group", "time"):
        with pytest.raises(DataError, match=r"^dataset.split_column: 'x'.* needs a?"):
            split_by(use, cells)
    with pytest.raises(DataError, match=r"^--by: column 'x' holds .*; name a column"):
        slices_by("x", cells, are_ids=False)
    assert profile_column("x", cells).kind == "other"


def test_unknown_time_zone_of_an_empty_column_is_refused() -> None:
    assert unusable_type(pa.chunked_array([empty(UNKNOWN_ZONE)]))


@pytest.mark.parametrize("name", USABLE)
def test_column_of_single_values_is_usable(name: str) -> None:
    cells = pa.chunked_array([USABLE[name]])
    assert not unusable_type(cells)
    slices_by("x", cells, are_ids=False)
    profile_column("x", cells)
    row_hashes(pa.table({"x": cells}))
    assert not unusable_type(pa.chunked_array([], cells.type))


def test_views_and_short_decimals_become_types_that_arrow_can_work_with() -> None:
    view, text = pa.string_view(), pa.large_string()
    assert plain_type(pa.dictionary(pa.int32(), view)) == text
    assert plain_type(pa.list_(view)) == pa.list_(text)
    assert plain_type(pa.large_list(view)) == pa.large_list(text)
    assert plain_type(pa.list_(view, 2)) == pa.list_(text, 2)
    assert plain_type(pa.decimal32(5, 2)) == pa.decimal128(5, 2)
    assert plain_type(pa.int8()) == pa.int8()


def test_texts_whole_numbers_and_columns_without_values_have_a_common_type() -> None:
    text, long_text = pa.string(), pa.large_string()
    assert common_type(text, text) == text
    assert common_type(text, long_text) == common_type(long_text, text) == long_text
    assert common_type(pa.list_(text), pa.large_list(text)) == pa.large_list(text)
    assert common_type(pa.list_(text), pa.list_(long_text)) == pa.large_list(long_text)
    assert common_type(pa.int32(), pa.int32()) == pa.int32()
    assert common_type(pa.uint16(), pa.int32()) == pa.int64()
    assert common_type(pa.uint64(), pa.uint64()) == pa.uint64()
    no_values, days = pa.null(), pa.date32()
    assert common_type(no_values, days) == common_type(days, no_values) == days
    assert common_type(pa.list_(no_values), pa.list_(text)) == pa.large_list(text)
    for first, second in (
        (pa.uint64(), pa.int64()),
        (pa.float32(), pa.float64()),
        (pa.int64(), text),
        (pa.list_(text, 2), pa.list_(text)),
        (pa.list_(text), pa.list_(pa.int64())),
        (pa.bool_(), pa.int8()),
    ):
        assert common_type(first, second) is common_type(second, first) is None


def test_empty_views_are_no_group() -> None:
    users = pa.array(["a", None, "a"], pa.string_view())
    table = with_plain_types(pa.table({"user": users}))
    codes = GroupCodes("user").encode(table)
    assert codes is not None and codes.tolist() == [0, -1, 0]


def test_empty_texts_are_no_group() -> None:
    codes = GroupCodes("user").encode(pa.table({"user": ["a", "", None, "b", ""]}))
    assert codes is not None and codes.tolist() == [0, -1, -1, 1, -1]
