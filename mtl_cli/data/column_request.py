"""The columns to read from a table, and the check that the table has them."""

from collections.abc import Container
from dataclasses import dataclass

import pyarrow as pa

from mtl_cli.core.errors import DataError, suggest
from mtl_cli.data.csv_header import header_hint

COLUMNS_TO_LIST = 60  # in a message


@dataclass(frozen=True)
class ColumnRequest:
    """The columns to read from a table.

    Attributes:
        keys: {column: the configuration's key that asks for the column}.
        types: {column: the type that the cells of a text file are converted to}. The
            configuration decides these types; they are never guessed from the rows.
    """

    keys: dict[str, str]
    types: dict[str, pa.DataType]

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order in which they are read."""
        return list(self.keys)

    def without(self, columns: Container[str]) -> "ColumnRequest":
        """Returns the request for the other columns."""
        keys = {c: key for c, key in self.keys.items() if c not in columns}
        return ColumnRequest(keys, {c: self.types[c] for c in keys})

    def check(self, file_key: str, path: str, names: list[str]) -> None:
        """Refuses a table that lacks a requested column, or has two of the same name.

        Args:
            file_key: the configuration's key that names the table.
            path: the file's path in messages.
            names: the names of the table's columns.

        Raises:
            DataError: if the table is refused.
        """
        for column, key in self.keys.items():
            if names.count(column) > 1:
                raise DataError(
                    f"{file_key}: {path} has {names.count(column)} columns '{column}'; "
                    "rename all but one"
                )
            if column not in names:
                # Quotes make spaces and line ends in a name visible.
                readable = [
                    name if name.isprintable() and name == name.strip() else repr(name)
                    for name in names
                ]
                dots = ["..."] if len(names) > COLUMNS_TO_LIST else []
                raise DataError(
                    f"{key}: no column '{column}' in {path}, which has "
                    f"{', '.join(readable[:COLUMNS_TO_LIST] + dots)}"
                    f"{suggest(column, readable)}{header_hint(names)}"
                )
