"""Columns whose cells are in the names of folders."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from helpers.planted_data import assert_same, declared, loaded

from mtl_cli.core.errors import DataError
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.folder_columns import folder_cells, types_of_cells
from mtl_cli.data.open_files import even_share
from mtl_cli.data.sources import open_source, schemas_of_table
from mtl_cli.init import preview
from mtl_cli.init.preview import read_preview

KEYS = {
    "features": {
        "user": {"kind": "sparse"},
        "shop": {"kind": "sparse"},
        "hour": {"kind": "dense"},
    },
    "tasks": {"buy": {"label": "buy", "kind": "binary"}},
    "split_by": "time",
    "split_column": "day",
    "test_fraction": 0.2,
}
SHOPS = {"007": "007", "a%2Fb": "a/b", "__HIVE_DEFAULT_PARTITION__": None}


def write_table(folder: Path, ending: str, with_columns: bool) -> str:
    """Writes files of two rows in folders such as `day=2026-05-03/shop=007/hour=12`.

    Returns: a pattern for the files.
    """
    for day in range(1, 6):
        for i, name in enumerate(SHOPS):
            path = folder / f"day=2026-05-0{day}" / f"shop={name}" / f"hour={6 * i}"
            path.mkdir(parents=True)
            rows = pd.DataFrame({"user": [day, i], "buy": [1, (day + i) % 2]})
            if with_columns:
                rows = rows.assign(
                    day=f"2026-05-0{day}", shop=SHOPS[name], hour=float(6 * i)
                )
                rows["shop"] = rows["shop"].astype("string")
            file = path / f"part-0.{ending}"
            (rows.to_csv if ending == "csv" else rows.to_parquet)(file, index=False)
    return str(folder / "*" / "*" / "*" / f"*.{ending}")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_cells_of_folders_are_read_like_cells_of_files(
    tmp_path: Path, ending: str
) -> None:
    in_files = loaded(write_table(tmp_path / "a", ending, True), **KEYS)
    in_folders = loaded(write_table(tmp_path / "b", ending, False), **KEYS)
    assert_same(in_folders, in_files)
    assert in_folders.features.learnt["shop"]["vocabulary"] == ["007", "a/b"]
    # The folders say which day the rows are of, so they belong to the data.
    (tmp_path / "b" / "day=2026-05-01").rename(tmp_path / "b" / "day=2026-05-06")
    files = str(tmp_path / "b" / "*" / "*" / "*" / "*")
    assert loaded(files, **KEYS).fingerprint != in_folders.fingerprint


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_file_that_holds_the_column_is_believed(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "city=Bonn"
    folder.mkdir()
    rows = pd.DataFrame({"city": ["Ulm"], "buy": [1]})
    file = folder / f"rows.{ending}"
    (rows.to_csv if ending == "csv" else rows.to_parquet)(file, index=False)
    assert read_preview("TABLE", str(file)).table.to_pydict()["city"] == ["Ulm"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_are_read_though_folders_hold_all_requested_columns(
    tmp_path: Path, ending: str
) -> None:
    pattern = write_table(tmp_path / "rows", ending, False)
    dataset = declared(pattern, **KEYS)
    request = ColumnRequest({"shop": "TABLE"}, {"shop": pa.string()})
    source = open_source("TABLE", pattern, dataset, request, tmp_path / "spill")
    cells = [cell for table in source.chunks() for cell in table["shop"].to_pylist()]
    assert len(cells) == source.num_rows == 30
    assert set(cells) == {"007", "a/b", None}
    assert all(table.column_names == ["shop"] for table in source.chunks())
    schema = next(schemas_of_table("TABLE", pattern, dataset))
    assert schema.names == ["user", "buy", "day", "shop", "hour"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_folder_without_a_number_is_named(tmp_path: Path, ending: str) -> None:
    pattern = write_table(tmp_path / "rows", ending, False)
    wrong = tmp_path / "rows" / "day=2026-05-01" / "shop=007"
    (wrong / "hour=0").rename(wrong / "hour=noon")
    message = "hour=noon.*in the folder hour=noon, .* column 'hour' as numbers"
    with pytest.raises(DataError, match=message):
        loaded(pattern, **KEYS)


def test_mtl_init_takes_whole_numbers_of_folders_for_numbers(tmp_path: Path) -> None:
    pattern = write_table(tmp_path / "rows", "parquet", False)
    schema = read_preview("TABLE", pattern).table.schema
    assert schema.field("hour").type == pa.int64()
    assert schema.field("day").type == schema.field("shop").type == pa.string()
    assert types_of_cells(["hour=03/a.csv", "hour=12/a.csv"]) == {"hour": pa.string()}


def test_mtl_init_reads_rows_of_all_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day, num_rows in (("1", 90), ("2", 4), ("3", 50), ("4", 0)):
        (tmp_path / f"day={day}").mkdir()
        file = tmp_path / f"day={day}" / "rows.parquet"
        pd.DataFrame({"row": range(num_rows)}).to_parquet(file, row_group_size=7)

    def rows_by_day(max_rows: int) -> tuple[dict[int, int], bool]:
        monkeypatch.setattr(preview, "MAX_ROWS", max_rows)
        result = read_preview("TABLE", str(tmp_path))
        days = Counter(result.table["day"].to_pylist())
        return dict(days), result.complete

    assert rows_by_day(144) == ({1: 90, 2: 4, 3: 50}, True)
    assert rows_by_day(143) == ({1: 89, 2: 4, 3: 50}, False)
    assert rows_by_day(44) == ({1: 20, 2: 4, 3: 20}, False)
    assert rows_by_day(3) == ({1: 1, 2: 1, 3: 1}, False)
    assert even_share([5, 5], 1) == 1


def test_only_folders_with_an_equals_sign_hold_cells() -> None:
    assert folder_cells("=1/a=/b=c=d/e/f=g.parquet") == {"a": "", "b": "c=d"}
    assert folder_cells("https://host/day=1/rows.csv?key=a/b=c/d") == {"day": "1"}
