"""The fields of structs as columns, in files and in tables in memory."""

from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from helpers.planted_data import assert_same, declared, loaded

from mtl_cli.api.arrow_rows import as_rows
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.sources import open_source, schemas_of_table
from mtl_cli.data.struct_columns import struct_fields, with_struct_columns_in_memory
from mtl_cli.init.column_profile import profile_column
from mtl_cli.init.column_rules import propose_column
from mtl_cli.init.preview import read_preview

ROWS = 40
USERS = [
    {"id": i % 9, "home": {"city": "ABC"[i % 3]} if i % 5 else None} if i % 7 else None
    for i in range(ROWS)
]
USER_TYPE = pa.struct({"id": pa.int64(), "home": pa.struct({"city": pa.string()})})
TABLE = pa.table(
    {
        "user": pa.array(USERS, USER_TYPE),
        "price": pa.array([float(i) for i in range(ROWS)]),
        "buy": pa.array([i % 2 for i in range(ROWS)]),
    }
)
IDS = [None if user is None else user["id"] for user in USERS]
CITIES = [
    None if user is None or user["home"] is None else user["home"]["city"]
    for user in USERS
]
FLAT = TABLE.append_column("user.id", pa.array(IDS, pa.int64())).append_column(
    "user.home.city", pa.array(CITIES, pa.string())
)
KEYS = {
    "features": {
        "user.id": {"kind": "sparse"},
        "user.home.city": {"kind": "sparse"},
        "price": {"kind": "dense"},
    },
    "tasks": {"buy": {"label": "buy", "kind": "binary"}},
    "test_fraction": 0.2,
}


def write(table: pa.Table, path: Path) -> str:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path, row_group_size=7)
    else:
        pyarrow.feather.write_feather(table, path, chunksize=7)
    return str(path)


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_fields_are_read_like_columns(tmp_path: Path, ending: str) -> None:
    file = write(TABLE, tmp_path / f"structs.{ending}")
    flat = write(FLAT.drop(["user"]), tmp_path / f"flat.{ending}")
    assert_same(loaded(file, **KEYS), loaded(flat, **KEYS))
    preview = read_preview("TABLE", file).table
    assert preview.column_names == [*TABLE.column_names, "user.id", "user.home.city"]
    assert preview["user.id"].to_pylist() == IDS
    assert preview["user.home.city"].to_pylist() == CITIES


def test_struct_and_its_field_can_be_read_together(tmp_path: Path) -> None:
    file = write(TABLE, tmp_path / "rows.parquet")
    request = ColumnRequest({"user.id": "--keep", "user": "--keep"}, {})
    source = open_source("TABLE", file, declared(file, **KEYS), request, tmp_path / "s")
    (rows,) = source.chunks()
    assert rows.column_names == ["user.id", "user"]
    assert rows["user"].to_pylist() == USERS
    assert rows["user.id"].to_pylist() == IDS


def test_column_of_the_table_wins_over_a_field_of_its_name(tmp_path: Path) -> None:
    table = TABLE.append_column("user.id", pa.array([5] * ROWS))
    file = write(table, tmp_path / "rows.parquet")
    schema = next(schemas_of_table("TABLE", file, declared(file, **KEYS)))
    assert schema.names == [*table.column_names, "user.home.city"]
    assert with_struct_columns_in_memory(table)["user.id"].to_pylist() == [5] * ROWS


def test_table_in_memory_has_the_same_columns() -> None:
    assert as_rows(TABLE, "predict").equals(FLAT)
    assert as_rows(TABLE.to_batches()[0], "evaluate").equals(FLAT)
    assert with_struct_columns_in_memory(FLAT).equals(FLAT)


def test_mtl_init_leaves_the_struct_out_and_names_its_fields() -> None:
    column = profile_column("user", TABLE["user"])
    assert propose_column(column).remark == "its fields are columns of their own"


def test_columns_of_one_name_and_lists_of_structs_stay_as_they_are() -> None:
    field = pa.field("a", pa.struct({"b": pa.int64()}))
    assert struct_fields(pa.schema([field, field])) == {}
    assert struct_fields(pa.schema({"a": pa.list_(field.type)})) == {}
