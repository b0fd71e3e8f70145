"""Checks an SQLite database that another person may have made, before it is opened.

Such a database can do harm in two ways:

1. SQLite reads a journal that lies beside the database. If the journal names another
   file as its super-journal, SQLite deletes this file.
2. SQLite can run for ever in a trigger, in a view, in generated columns that refer to
   each other, or in a function that the definition of a table calls. For instance,
   SQLite evaluates a `CHECK` for each new row.
"""

import contextlib
import os
import re
import sqlite3
from pathlib import Path
from urllib.parse import quote

from mtl_cli.core.other_files import UnsafeFileError, check_regular

# The last bytes of a journal that names a super-journal. A transaction has such a
# journal if it writes to several databases; MLflow and Optuna write to one.
SUPER_JOURNAL_END = bytes.fromhex("d9d505f920a163d7")
COMPANIONS = ("-journal", "-wal", "-shm")  # the endings of the files beside a database
TABLE_OR_INDEX = re.compile(r"CREATE (TABLE|INDEX|UNIQUE INDEX)\s")
# MLflow's only trigger. A database may hold it with other white space.
TRIGGER_OF_MLFLOW = """
CREATE TRIGGER prevent_secrets_aad_mutation BEFORE UPDATE ON secrets FOR EACH ROW
WHEN OLD.secret_id != NEW.secret_id OR OLD.secret_name != NEW.secret_name
BEGIN
    SELECT RAISE(ABORT, 'secret_id and secret_name are immutable
    (used as AAD in encryption)');
END
"""

# A token of SQL: a comment, a text, a name in quotes, a word, or one other character.
# A `[` without its `]` takes all that follows; otherwise many would take minutes.
TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?(?:\*/|$))|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
    r"|`(?:[^`]|``)*`|\[[^\]]*\]?|\w+|\S",
    re.DOTALL,
)
NAME = re.compile(r"[\w\"`\[]")  # the first character of a token that may be a name
# A name before `(` calls a function, with two exceptions. MLflow and Optuna write these
# keywords before `(`; and after one of the words `BEFORE_TABLE`, the name is a table's.
BEFORE_BRACKET = {"CHECK", "KEY", "UNIQUE", "DEFAULT", "AS", "IN", "AND", "OR", "NOT"}
BEFORE_BRACKET |= {"WHERE", "VARCHAR", "FLOAT", "NUMERIC"}
BEFORE_TABLE = {"TABLE", "ON", "REFERENCES"}
# Operators that call a function. Such a function can compare long texts for hours.
CALLING_OPERATORS = {"LIKE", "GLOB", "MATCH", "REGEXP"}


def check_sqlite_database(path: Path) -> None:
    """Checks the files of an SQLite database, if there is one.

    It may hold only tables and indexes that call no function, and MLflow's trigger.
    """
    # Not only for safety: MLflow would try for a minute to open a folder or a pipe.
    companions = [f"{path}{ending}" for ending in COMPANIONS]
    for file_path in (os.path.realpath(path), *companions):
        with contextlib.suppress(FileNotFoundError):
            check_regular(Path(file_path))
    check_journal(Path(f"{path}-journal"))
    for name, statement in definitions(path):
        if problem := problem_of(statement):
            raise UnsafeFileError(
                f"{path} holds {name!r}, which {problem}; take a database that MLflow "
                "or Optuna has made"
            )


def check_journal(path: Path) -> None:
    """Refuses a journal that names a super-journal. A missing journal is accepted."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - len(SUPER_JOURNAL_END)))
        if file.read() == SUPER_JOURNAL_END:
            raise UnsafeFileError(
                f"{path} names another file, which SQLite would delete; remove the "
                "journal"
            )


def problem_of(statement: str) -> str:
    """Returns why a definition in SQL is refused, such as "calls glob"; "" if not."""
    if statement.split() == TRIGGER_OF_MLFLOW.split():
        return ""
    if not TABLE_OR_INDEX.match(statement):
        return "is neither a table nor an index"
    if function := called_function(statement):
        return f"calls {function}"
    # `AS` stands before the expression of a generated column.
    if len(re.findall(r"\bAS\b", statement, re.IGNORECASE)) > 1:
        return "has several generated columns"
    return ""


def called_function(statement: str) -> str | None:
    """Returns a function that an SQL statement may call; None if it calls none."""
    text = statement.partition("\0")[0]  # SQLite ends the statement at a NUL
    tokens = [match[0] for match in TOKEN.finditer(text) if not match["comment"]]
    for before, token, after in zip(
        ["", *tokens], tokens, [*tokens[1:], ""], strict=False
    ):
        is_table_name = before.upper() in BEFORE_TABLE
        is_keyword = token.upper() in BEFORE_BRACKET
        is_name_with_bracket = after == "(" and NAME.match(token)
        is_call = is_name_with_bracket and not (is_table_name or is_keyword)
        if is_call or token.upper() in CALLING_OPERATORS:
            return token
    return None


def definitions(path: Path) -> list[tuple[str, str]]:
    """Returns the name and the SQL statement of each object in an SQLite database.

    Objects that SQLite has made itself have no statement. For a missing or damaged
    database the list is empty: opening it later raises the error.
    """
    with (
        contextlib.suppress(sqlite3.DatabaseError),
        contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)
        ) as connection,
    ):
        # SQLite takes names and statements of any bytes, also if they are not UTF-8.
        connection.text_factory = lambda text: text.decode(errors="replace")
        rows = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
        # A damaged database may hold bytes in place of text.
        return [(str(name), str(statement)) for name, statement in rows if statement]
    return []
