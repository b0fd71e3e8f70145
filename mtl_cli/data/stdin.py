"""Copies a table from stdin to a file, since tables are read from files."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl_cli.core.errors import DataError
from mtl_cli.core.locations import Location

STDIN = "-"  # the location of a table: CSV from stdin


@contextmanager
def copied_stdin(location: Location, folder: Path) -> Iterator[Location]:
    """Yields the location of a table. A table on stdin is first copied into the folder.

    Errors in the `with` block name "stdin" instead of the path of the copy.
    """
    if location != STDIN:
        yield location
        return
    path = folder / "stdin.csv"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if not path.stat().st_size:
        raise DataError("TABLE: stdin is empty; expected a header and rows of CSV")
    try:
        yield str(path)
    except DataError as error:
        raise DataError(str(error).replace(str(path), "stdin")) from None
