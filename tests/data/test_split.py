"""The split of rows into training, validation and test rows."""

import numpy as np
import pyarrow as pa
import pytest

from mtl_cli.core.errors import DataError
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sources import Source
from mtl_cli.data.split import SPLITS, split_rows

ROWS = 1000
RANDOM = np.random.default_rng(0)
TABLE = pa.table(
    {"user": RANDOM.integers(0, 60, ROWS), "day": RANDOM.integers(0, 9, ROWS)}
)


def split(tables=None, **options):
    """Returns {split: row numbers} of a data set with these keys."""
    rows = {}
    for codes in split_with_findings(tables, **options)[0].values():
        rows |= {SPLITS[i]: np.flatnonzero(codes == i) for i in np.unique(codes)}
    return rows


def split_with_findings(tables=None, **options):
    declared = Dataset.model_validate(
        {
            "name": "rows",
            "train": "train.csv",
            "valid": None,
            "test": None,
            "valid_fraction": 0.0,
            "split_seed": 0,
            "features": {"user": {"kind": "sparse"}},
            "tasks": {"buy": {"label": "buy", "kind": "binary"}},
            **options,
        }
    )
    tables = tables or {"train": TABLE}
    sources = {
        file: Source(file, table.num_rows, lambda _, table=table: iter([table]))
        for file, table in tables.items()
    }
    return split_rows(declared, sources)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"split_by": "group", "split_column": "user"},
        {"split_by": "time", "split_column": "day"},
        {"split_by": "order"},
    ],
    ids=lambda options: options.get("split_by", "random"),
)
def test_every_row_is_in_one_split_and_shares_are_as_configured(options):
    rows = split(valid_fraction=0.2, test_fraction=0.1, **options)
    assert sorted(np.concatenate(list(rows.values()))) == list(range(ROWS))
    # Groups and days stay whole: the mean group has 17 rows, the mean day 111.
    slack = {"group": 40, "time": 60}.get(options.get("split_by"), 0)
    assert abs(len(rows["valid"]) - 200) <= slack
    assert abs(len(rows["test"]) - 100) <= slack
    assert all((np.diff(numbers) > 0).all() for numbers in rows.values())


def test_split_seed_decides_the_rows():
    first, again, other = (
        split(valid_fraction=0.2, split_seed=seed)["valid"] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_user_is_never_in_two_splits():
    rows = split(
        valid_fraction=0.2, test_fraction=0.1, split_by="group", split_column="user"
    )
    users = [set(TABLE["user"].to_numpy()[numbers]) for numbers in rows.values()]
    assert len(set.union(*users)) == sum(map(len, users))


def test_split_by_time_tests_on_the_latest_rows():
    rows = split(
        valid_fraction=0.2, test_fraction=0.1, split_by="time", split_column="day"
    )
    days = {name: TABLE["day"].to_numpy()[numbers] for name, numbers in rows.items()}
    assert days["train"].max() < days["valid"].min()
    assert days["valid"].max() < days["test"].min()


@pytest.mark.parametrize(
    ("rows_of_days", "valid_rows", "test_rows"),
    [
        ([400, 300, 190, 110], 190, 110),  # nearer to 200 and 100 than others
        ([400, 310, 200, 90], 200, 90),
        ([700, 90, 70, 60, 50, 30], 220, 80),
        ([10, 10, 980], 10, 980),  # one day for each split
        ([980, 10, 10], 10, 10),
    ],
)
def test_day_is_never_in_two_splits(rows_of_days, valid_rows, test_rows):
    days = np.repeat(np.arange(len(rows_of_days)), rows_of_days)
    table = pa.table({"user": days, "day": RANDOM.permutation(days)})
    rows = split(
        {"train": table},
        valid_fraction=0.2,
        test_fraction=0.1,
        split_by="time",
        split_column="day",
    )
    assert (len(rows["valid"]), len(rows["test"])) == (valid_rows, test_rows)
    days_of = {name: table["day"].to_numpy()[numbers] for name, numbers in rows.items()}
    assert days_of["train"].max() < days_of["valid"].min()
    assert days_of["valid"].max() < days_of["test"].min()


@pytest.mark.parametrize(
    "texts",
    [
        [" 5", "40", "6\t"],
        ["2026-01-02", " 2026-03-01", "2026-01-03 "],
        # as BigQuery and SQL Server write them
        [f"2026-01-02 10:00:{second} UTC" for second in ("00", "00.5", "00.25")],
        [f"2026-01-02 10:00:00.000000{x}" for x in "182"],
    ],
)
def test_times_of_text_have_spaces_around_them_and_several_forms(texts):
    table = pa.table({"user": [1, 2, 3], "day": texts})
    rows = split(
        {"train": table}, valid_fraction=0.33, split_by="time", split_column="day"
    )
    assert rows["valid"].tolist() == [1]


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize(("hours", "is_one_day"), [(24, True), (25, False)])
def test_warning_says_that_all_rows_lie_within_one_day(is_text, hours, is_one_day):
    start = np.datetime64("2026-01-01T07", "s")  # one day in a time zone is two in UTC
    times = pa.array(start + np.arange(hours) * np.timedelta64(1, "h"))
    times = times.cast(pa.string()) if is_text else times
    table = pa.table({"user": np.arange(hours), "time": times})
    _, findings = split_with_findings(
        {"train": table}, valid_fraction=0.2, split_by="time", split_column="time"
    )
    assert [f"{line[:31]} ... {line[-5:]}" for line in findings] == (
        ["all rows lie within one day, so ... train"] if is_one_day else []
    )


@pytest.mark.parametrize("options", [{}, {"split_by": "order"}])
def test_split_that_is_not_by_time_has_no_findings(options):
    assert split_with_findings(valid_fraction=0.2, **options)[1] == []


def test_later_days_of_the_test_file_are_tested_on():
    table = pa.table({"user": np.arange(100), "day": np.arange(100) // 30})
    rows = split(
        {"train": TABLE, "test": table},
        test="test.csv",
        valid_from="test",
        valid_fraction=0.5,
        split_by="time",
        split_column="day",
    )
    np.testing.assert_array_equal(rows["valid"], np.arange(60))
    np.testing.assert_array_equal(rows["test"], np.arange(60, 100))


def test_fewer_times_than_splits_are_refused():
    table = pa.table({"user": np.arange(100), "day": np.arange(100) // 50})
    with pytest.raises(
        DataError, match=r"holds 2 distinct values .*, but each of the splits tr"
    ):
        split(
            {"train": table},
            valid_fraction=0.2,
            test_fraction=0.2,
            split_by="time",
            split_column="day",
        )


def test_validation_rows_are_the_first_of_the_test_file_by_order():
    rows = split(
        {"train": TABLE, "test": TABLE.slice(0, 500)},
        test="test.csv",
        valid_from="test",
        valid_fraction=0.5,
        split_by="order",
    )
    assert len(rows["train"]) == ROWS
    np.testing.assert_array_equal(rows["valid"], np.arange(250))
    np.testing.assert_array_equal(rows["test"], np.arange(250, 500))


def test_groups_of_the_test_file_are_divided_into_validation_and_test():
    rows = split(
        {"train": TABLE, "test": TABLE},
        test="test.csv",
        valid_from="test",
        valid_fraction=0.5,
        split_by="group",
        split_column="user",
    )
    assert list(rows) == ["train", "valid", "test"]
    users = [set(TABLE["user"].to_numpy()[rows[name]]) for name in ("valid", "test")]
    assert not users[0] & users[1]
    assert len(rows["valid"]) + len(rows["test"]) == ROWS


def test_split_without_rows_is_refused():
    with pytest.raises(
        DataError,
        match="_fraction: with this share, the split valid gets none of the 2",
    ):
        split({"train": TABLE.slice(0, 2)}, valid_fraction=0.1)


@pytest.mark.parametrize(("days", "count"), [([1, None], 1), ([None, None], 2)])
def test_missing_time_is_refused(days, count):
    table = pa.table({"user": [1, 2], "day": days})
    with pytest.raises(DataError, match=f"'day' is empty in {count} rows"):
        split({"train": table}, valid_fraction=0.5, split_by="time", split_column="day")


@pytest.mark.parametrize(
    ("shares", "rows"),
    [
        ((0.2, 0.3), (20, 30)),
        ((0.29, 0.39), (20, 30)),  # what fits into the share
        ((0.01, 0.01), (10, 10)),  # but at least one group
    ],
)
def test_split_gets_the_whole_groups_that_fit_into_its_share(shares, rows):
    table = pa.table({"user": np.arange(100) // 10})
    valid, test = shares
    found = split(
        {"train": table},
        valid_fraction=valid,
        test_fraction=test,
        split_by="group",
        split_column="user",
    )
    assert (len(found["valid"]), len(found["test"])) == rows


def test_nan_and_null_are_one_group_in_tables_of_several_chunks():
    nan = float("nan")
    chunks = [[1.0, 2.0, nan], [None, 3.0, nan]]
    users = pa.chunked_array([pa.array(x, from_pandas=False) for x in chunks])
    rows = split(
        {"train": pa.table({"user": users})},
        valid_fraction=0.5,
        split_by="group",
        split_column="user",
    )
    empty = {2, 3, 5}
    assert {*rows["valid"]} >= empty or not {*rows["valid"]} & empty


def test_empty_texts_and_nulls_of_the_split_column_are_one_group() -> None:
    users = ["", None, "a", "b", "c"] * 20
    options = {"valid_fraction": 0.5, "split_by": "group", "split_column": "user"}
    for seed in range(9):
        rows = split({"train": pa.table({"user": users})}, split_seed=seed, **options)
        is_valid = np.isin(np.arange(100), rows["valid"])
        assert (is_valid[0::5] == is_valid[1::5]).all()


def test_empty_text_is_reported_as_an_empty_time() -> None:
    table = pa.table({"day": ["2026-01-01", " ", "2026-01-02"]})
    with pytest.raises(
        DataError, match=r"'day' is empty in 1 rows, the first .* row 2"
    ):
        split({"train": table}, valid_fraction=0.5, split_by="time", split_column="day")
