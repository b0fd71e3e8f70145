import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.sqlite_database import SUPER_JOURNAL_END, check_sqlite_database

TRIGGER = """
CREATE TRIGGER t AFTER INSERT ON runs BEGIN
    INSERT INTO runs WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r)
    SELECT n FROM r;
END
"""


def database(path: Path, *statements: str) -> Path:
    """Makes a database with a table, and runs statements in it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, name UNIQUE)")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def forge_journal(path: Path, victim: Path) -> None:
    """Writes a journal that makes SQLite delete the file `victim`."""
    page_size = 4096
    num_pages = path.stat().st_size // page_size
    numbers = (0, 1, num_pages, 512, page_size)  # SQLite's header of a journal
    header = SUPER_JOURNAL_END + b"".join(n.to_bytes(4, "big") for n in numbers)
    name = str(victim).encode()
    ends = (2**30 // page_size + 1, len(name), sum(name))
    number, length, checksum = (n.to_bytes(4, "big") for n in ends)
    Path(f"{path}-journal").write_bytes(
        header.ljust(512, b"\0") + number + name + length + checksum + SUPER_JOURNAL_END
    )


def test_database_of_tables_and_indexes_is_accepted(tmp_path: Path) -> None:
    check_sqlite_database(database(tmp_path / "a.db", "CREATE INDEX i ON runs (name)"))
    check_sqlite_database(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_folder_and_pipe_are_no_databases(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    os.mkfifo(tmp_path / "pipe.db")
    for name in ("folder.db", "pipe.db"):
        with pytest.raises(UnsafeFileError, match=f"{name} is not a regular file"):
            check_sqlite_database(tmp_path / name)


def test_journal_that_would_delete_another_file_is_refused(tmp_path: Path) -> None:
    path, victim = database(tmp_path / "a.db"), tmp_path / "victim"
    victim.write_text("mine")
    forge_journal(path, victim)
    with pytest.raises(UnsafeFileError, match=r"a.db-journal names another file"):
        check_sqlite_database(path)
    assert victim.exists()
    with contextlib.closing(sqlite3.connect(path)) as connection:  # the attack is real
        connection.execute("SELECT * FROM runs")
    assert not victim.exists()


def test_journal_of_a_killed_process_is_rolled_back(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db")
    before = path.read_bytes()
    killed = sqlite3.connect(path, isolation_level=None)
    killed.execute("PRAGMA cache_size = 1")
    killed.execute("BEGIN")
    killed.executemany("INSERT INTO runs (name) VALUES (?)", [(b"x" * 9000,)])
    killed.executemany(
        "INSERT INTO runs VALUES (?, ?)", [(n, n) for n in range(9, 999)]
    )
    journal, changed = Path(f"{path}-journal").read_bytes(), path.read_bytes()
    killed.close()
    assert changed != before
    path.write_bytes(changed)
    Path(f"{path}-journal").write_bytes(journal)
    check_sqlite_database(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "statement",
    [
        TRIGGER,
        "CREATE VIEW v AS SELECT 1",
        TRIGGER.replace("TRIGGER t", "TRIGGER prevent_secrets_aad_mutation"),
    ],
)
def test_database_with_more_than_tables_and_indexes_is_refused(
    statement: str, tmp_path: Path
) -> None:
    path = database(tmp_path / "a.db", statement)
    with pytest.raises(UnsafeFileError, match="neither a table nor an index"):
        check_sqlite_database(path)


def test_trigger_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", TRIGGER.replace("BEGIN", "BEGIN /* byte */"))
    forged = path.read_bytes().replace(b"/* byte */", b"/* \xff\xff\xff\xff */")
    path.write_bytes(forged)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="Could not decode to UTF-8"):
            connection.execute("SELECT sql FROM sqlite_master").fetchall()
        connection.execute("SELECT * FROM runs")  # SQLite itself takes the trigger
    with pytest.raises(UnsafeFileError, match="neither a table nor an index"):
        check_sqlite_database(path)


def test_definition_of_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "search.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x INTEGER)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = CAST(sql AS BLOB)")
        connection.commit()
    with pytest.raises(UnsafeFileError):
        check_sqlite_database(path)


def test_linked_journal_is_refused(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db")
    Path(f"{path}-wal").symlink_to(tmp_path / "victim")
    with pytest.raises(UnsafeFileError, match="is a link"):
        check_sqlite_database(path)
