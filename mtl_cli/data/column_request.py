"""The columns to read from a table, and the check that the table has them."""

import re
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import readable_name, suggest

MAX_LISTED_COLUMNS = 60  # in a message
# The least similarity of a column that a message suggests. The value is high, because
# columns of one table often resemble each other, such as `item_id` and `user_id`.
MIN_SIMILARITY = 0.75


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
                # A requested column of the table is no misspelling of the missing one.
                others = [name for name in names if name not in self.keys]
                hint = suggest(column, others, MIN_SIMILARITY) + header_hint(names)
                if column in self.fixes:
                    hint += f"; {self.fixes[column]}"
                raise DataError(
                    f"{key}: no column {column!r} in {path}, which has "
                    f"{readable_names(names)}{hint}"
                )


def header_hint(names: list[str]) -> str:
    """Returns the likely reason why the names lack a column, for a message; or ""."""
    if len(names) == 1:
        return "; if the file has more columns, set dataset.csv.delimiter"
    if any(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
        return (
            "; if the file's first line is not a header, name the columns in "
            "dataset.csv.columns"
        )
    return ""


def readable_names(names: list[str]) -> str:
    """Lists at most `MAX_LISTED_COLUMNS` names of columns; no names give "none"."""
    readable = [readable_name(name) for name in names[:MAX_LISTED_COLUMNS]]
    dots = ["..."] if len(names) > MAX_LISTED_COLUMNS else []
    return ", ".join(readable + dots) or "none"
