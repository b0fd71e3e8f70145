"""The columns to read from a table, and the check that the table has them."""

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import most_similar, readable_name
from mtl_cli.data.csv_header import header_hint

MAX_LISTED_COLUMNS = 60  # in a message
WRITE_INTO_FILES = "which adds no column: write the column into the files"
# The least similarity of a column that a message suggests, see `min_similarity`. The
# value is high, because columns of one table often resemble each other, such as
# `item_id` and `user_id`.
MIN_SIMILARITY = 0.8
MIN_SIMILARITY_OF_SHORT_NAMES = 0.6


@dataclass(frozen=True)
class ColumnRequest:
    """The columns to read from a table.

    Attributes:
        keys: {column: the configuration's key that asks for the column}.
        types: {column: the type that the cells of a text file are converted to}. The
            configuration decides these types; they are never guessed from the rows.
        fixes: {column: what to do if the table lacks the column}, for messages.
    """

    keys: dict[str, str]
    types: dict[str, pa.DataType]
    fixes: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order in which they are read."""
        return list(self.keys)

    def without_columns(self, columns: Container[str]) -> "ColumnRequest":
        """Returns a request for all columns but these."""
        keys = {c: key for c, key in self.keys.items() if c not in columns}
        return replace(self, keys=keys, types={c: self.types[c] for c in keys})

    def check(self, table_key: str, path: str, names: list[str]) -> None:
        """Refuses a table that lacks a requested column, or has two of the same name.

        `names` are the names of all columns. Messages name the table's key and path.
        """
        counts = Counter(names)
        for column, key in self.keys.items():
            if counts[column] > 1:
                raise DataError(
                    f"{table_key}: {path} has {counts[column]} columns '{column}'; "
                    "rename all but one"
                )
            if column not in counts:
                hint = self.hint_to_missing(column, path, names)
                raise DataError(
                    f"{key}: no column {column!r} in {path}, which has "
                    f"{readable_names(names)}{hint}"
                )

    def hint_to_missing(self, column: str, path: str, names: list[str]) -> str:
        """Returns hints for the end of a message about a missing column, or ""."""
        hint = ""
        if folder := folders_like_columns(path).get(column):
            hint = f"; {folder} is the name of a folder, {WRITE_INTO_FILES}"
        # A requested column of the table is no misspelling of the missing column.
        others = [name for name in names if name not in self.keys]
        similar = most_similar(column, others, min_similarity(column))
        if similar is not None:
            hint += f"; did you mean {readable_name(similar)}?"
        hint += header_hint(names)
        if column in self.fixes:
            hint += f"; {self.fixes[column]}"
        return hint


def min_similarity(column: str) -> float:
    """Returns the least similarity of a name that may be meant by `column`.

    In a name of 3 or 4 letters, one wrong letter is allowed too.

    >>> min_similarity("user_id"), min_similarity("abcd")
    (0.8, 0.75)
    """
    similarity_with_wrong_letter = (len(column) - 1) / max(1, len(column))
    lowest = max(MIN_SIMILARITY_OF_SHORT_NAMES, similarity_with_wrong_letter)
    return min(MIN_SIMILARITY, lowest)


def folders_like_columns(path: str) -> dict[str, str]:
    """Returns {column: folder} of a path's folders such as `hour=00`.

    Spark and Hive write such folders for each value of a column, and leave the column
    out of the files.

    >>> folders_like_columns("logs/dt=2026-11-01/hour=00/part-0.parquet")
    {'dt': 'dt=2026-11-01', 'hour': 'hour=00'}
    """
    folders = (part for part in Path(path).parent.parts if "=" in part)
    return {folder.partition("=")[0]: folder for folder in folders}


def readable_names(names: list[str]) -> str:
    """Lists at most `MAX_LISTED_COLUMNS` names of columns; no names give "none"."""
    readable = [readable_name(name) for name in names[:MAX_LISTED_COLUMNS]]
    dots = ["..."] if len(names) > MAX_LISTED_COLUMNS else []
    return ", ".join(readable + dots) or "none"
