"""A forged SQLite database does not keep a run or a search busy for ever."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.sqlite_database import TRIGGER_OF_MLFLOW, check_sqlite_database

# Compares each of 1e9 places with 5e8 bytes.
ENDLESS = "instr(zeroblob(1000000000), cast(zeroblob(500000000) || 'b' AS blob))"


def database(path: Path, *statements: str) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as base, base:
        for statement in statements:
            base.execute(statement)
    return path


@pytest.mark.parametrize(
    "statement",
    [
        f"CREATE TABLE runs (a INTEGER CHECK ({ENDLESS}))",
        f"CREATE TABLE runs (a INTEGER, b AS ({ENDLESS}))",
        f"CREATE TABLE runs (a INTEGER DEFAULT ({ENDLESS}))",
        "CREATE TABLE runs (a INTEGER CHECK (instr /* KEY */ (a, 'KEY')))",
        "CREATE TABLE runs (a INTEGER CHECK (\"instr\" -- '\n (a, 'KEY')))",
        "CREATE TABLE runs (a INTEGER CHECK ([instr](a, 'KEY')))",
        "CREATE TABLE runs (a INTEGER CHECK (`instr`(a, 'KEY')))",
        'CREATE TABLE runs ("ON" INTEGER CHECK ("ON" IN (1) AND instr("ON", 1)))',
        "CREATE TABLE runs (a INTEGER CHECK ('aaa' NOT LIKE '%aab'))",
        "CREATE TABLE runs (a INTEGER CHECK ('aaa' NOT glob '*aab'))",
    ],
)
def test_table_that_calls_a_function_is_refused(statement: str, tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", statement)
    with pytest.raises(UnsafeFileError, match="holds 'runs', which calls"):
        check_sqlite_database(path)


@pytest.mark.parametrize(
    "index", [f"CREATE INDEX i ON runs ({ENDLESS})", "CREATE INDEX i ON runs (hex(a))"]
)
def test_index_that_calls_a_function_is_refused(index: str, tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", "CREATE TABLE runs (a INTEGER)", index)
    with pytest.raises(UnsafeFileError, match="holds 'i', which calls"):
        check_sqlite_database(path)


def test_generated_columns_that_refer_to_each_other_are_refused(tmp_path: Path) -> None:
    # With 40 such columns, SQLite would read the first one 2**40 times.
    columns = [f"c{i} AS (c{i - 1} + c{i - 1})" for i in range(1, 4)]
    statement = f"CREATE TABLE runs (c0 INTEGER, {', '.join(columns)})"
    with pytest.raises(UnsafeFileError, match="'runs', which has several generated"):
        check_sqlite_database(database(tmp_path / "a.db", statement))


def test_only_mlflows_own_trigger_is_accepted(tmp_path: Path) -> None:
    table = "CREATE TABLE secrets (secret_id, secret_name)"
    path = database(tmp_path / "a.db", table, TRIGGER_OF_MLFLOW)
    check_sqlite_database(path)
    other = TRIGGER_OF_MLFLOW.replace("SELECT", "SELECT hex(zeroblob(9)), ")
    path = database(tmp_path / "b.db", table, other)
    with pytest.raises(UnsafeFileError, match="is neither a table nor an index"):
        check_sqlite_database(path)


def test_definitions_without_a_function_are_accepted(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        "CREATE TABLE ids (id VARCHAR(32) NOT NULL, UNIQUE (id), PRIMARY KEY (id))",
        "CREATE TABLE runs (a VARCHAR(32) DEFAULT ('instr(') CHECK (a IN ('x', '''(')),"
        ' b AS (1 - 2) STORED, "c" FLOAT(53), FOREIGN KEY(a) REFERENCES ids (id))',
        "CREATE INDEX i ON runs (a) WHERE (a IN ('x')) AND (b = 1)",
    )
    check_sqlite_database(path)
