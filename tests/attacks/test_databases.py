"""A forged SQLite database does not keep a run or a search busy for ever."""

import contextlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from mtl_cli.core.errors import ConfigError
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


def test_brackets_after_a_statement_are_not_searched_for_minutes(
    tmp_path: Path,
) -> None:
    path = database(tmp_path / "a.db", "CREATE TABLE runs (a INTEGER)")
    brackets = "[" * 200_000  # SQLite reads nothing after the first statement
    forged = f"UPDATE sqlite_master SET sql = sql || '; {brackets}'"
    database(path, "PRAGMA writable_schema = ON", forged)
    start = time.process_time()
    check_sqlite_database(path)
    assert time.process_time() - start < 2  # once took 20 s


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


@pytest.mark.filterwarnings("ignore:.* is experimental")
def test_parameters_of_a_waiting_trial_are_no_settings_of_its_job(
    tmp_path: Path,
) -> None:
    optuna = pytest.importorskip("optuna", reason="extra hpo")
    from mtl_cli.sweep.search_database import open_storage

    def study() -> Any:
        storage = open_storage(f"sqlite:///{tmp_path}/optuna.db", tmp_path)
        return optuna.create_study(study_name="x", storage=storage, load_if_exists=True)

    settings = {"hydra.sweep.dir": str(tmp_path.parent), "model.dropout": 0.1}
    study().enqueue_trial(settings)  # Optuna takes the key of the search alone
    space = {"model.dropout": optuna.distributions.UniformDistribution(0.0, 0.5)}
    assert study().ask(space).params == {"model.dropout": 0.1}

    study().enqueue_trial({"model.dropout": 0.2})
    with contextlib.closing(sqlite3.connect(tmp_path / "optuna.db")) as base, base:
        distribution = json.dumps(
            {
                "name": "CategoricalDistribution",
                "attributes": {"choices": [str(tmp_path.parent)]},
            }
        )
        base.execute(
            "INSERT INTO trial_params (trial_id, param_name, param_value, "
            "distribution_json) VALUES (2, 'hydra.sweep.dir', 0, ?)",
            [distribution],
        )
    with pytest.raises(ConfigError, match=r"a waiting trial in .* holds parameters"):
        study().ask(space)


def test_database_of_too_many_trials_is_refused_before_it_is_read(
    tmp_path: Path,
) -> None:
    pytest.importorskip("optuna", reason="extra hpo")
    from mtl_cli.sweep.search_database import MAX_TRIALS, open_storage

    rows = f"(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n <= {MAX_TRIALS})"
    database(
        tmp_path / "optuna.db",
        "CREATE TABLE trials (number INTEGER)",
        f"WITH RECURSIVE numbers(n) AS {rows} INSERT INTO trials SELECT n FROM numbers",
    )
    with pytest.raises(ConfigError, match=r"holds 100,001 trials; .* use a new data"):
        open_storage(f"sqlite:///{tmp_path}/optuna.db", tmp_path)
