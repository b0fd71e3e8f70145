"""What is read of a table, and what to say if it is not there."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from mtl_cli.core.errors import DataError, first_line, suggest
from mtl_cli.data.text_errors import header_hint


@dataclass(frozen=True)
class Wanted:
    """What is read of a table.

    Attributes:
        columns: names, and for each the configuration's key that asks for it.
        types: what a text file's columns are read as: never guessed from the rows.
    """

    columns: dict[str, str]
    types: dict[str, pa.DataType]


@contextlib.contextmanager
def reading(key: str, path: str) -> Iterator[None]:
    """Tells in one line what a library says of a file that it cannot read."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        reason = first_line(error)
        if "UTF8" in reason or isinstance(error, UnicodeDecodeError):
            fix = "save the file as UTF-8"
        else:
            fix = "is it whole, and of the format that its ending says?"
        raise DataError(
            f"{key}: cannot read {path}: {reason.rstrip('.')}; {fix}"
        ) from None


def check_names(key: str, path: str, names: list[str], wanted: Wanted) -> None:
    """Refuses a table that lacks a column, or has it twice."""
    for column, wanted_by in wanted.columns.items():
        if names.count(column) > 1:
            raise DataError(
                f"{key}: {path} has {names.count(column)} columns '{column}'; "
                "rename all but one"
            )
        if column not in names:
            plain = [n.isprintable() and n == n.strip() for n in names]
            told = [n if p else repr(n) for n, p in zip(names, plain, strict=True)]
            shown = told if len(told) <= 60 else [*told[:60], "..."]
            raise DataError(
                f"{wanted_by}: no column '{column}' in {path}, which has "
                f"{', '.join(shown)}{suggest(column, told)}{header_hint(names)}"
            )
