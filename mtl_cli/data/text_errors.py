"""What is wrong with a text file: told by file, column and row."""

import csv
import io
import re
from typing import Any

from mtl_cli.core.errors import DataError, RowError, shown

SNIFFED_BYTES = 1 << 22  # a header is not longer
# Files of other formats, by how they begin.
SIGNATURES = {
    b"PAR1": "a Parquet file",
    b"ARROW1": "a Feather file",
    b"\x1f\x8b": "compressed with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
MARKS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas", " ": "spaces"}
# The cell of a row that we add at the end of a file: any type of a column holds it.
END = "-8765432109876543"


class Ended:
    """A text file with one row more, so that its reader can tell that it got there.

    Arrow takes all rows behind a quote that is never closed for one cell, and says
    nothing.

    Args:
        stream: of the file.
        row: that is added.
    """

    closed = False

    def __init__(self, stream: Any, row: bytes) -> None:
        self.stream, self.rest = stream, row

    def read(self, size: int) -> bytes:
        """Returns the next bytes: fewer than asked for at the end alone."""
        found = b""
        while len(found) < size:
            more: bytes = self.stream.read(size - len(found))
            if not more:
                left = size - len(found)
                more, self.rest = self.rest[:left], self.rest[left:]
            if not more:
                break
            found += more
        return found

    def close(self) -> None:
        """Closes the file."""
        self.stream.close()


def check_text(key: str, path: str, start: bytes) -> None:
    """Refuses a file that is empty, or by its first bytes of another format.

    Args:
        key: the configuration's key that gave the path, for messages.
        path: of the file.
        start: its first bytes.
    """
    for signature, what in SIGNATURES.items():
        if start.startswith(signature):
            raise not_text(key, path, what)
    if not start.strip(b"\r\n"):
        raise DataError(f"{key}: cannot read {path}: Empty CSV file")


def header(key: str, path: str, start: bytes, delimiter: str) -> list[str]:
    """Returns the names in the first line of a text file that is not empty.

    Args:
        key: the configuration's key that gave the path, for messages.
        path: of the file.
        start: its first bytes.
        delimiter: between names.

    Raises:
        DataError: if they are not in UTF-8.
    """
    lines = io.StringIO(start.decode("utf-8-sig", "surrogateescape"), newline="")
    try:
        names = next(filter(None, csv.reader(lines, delimiter=delimiter)), [])
    except csv.Error as error:
        raise DataError(f"{key}: cannot read {path}: header: {error}") from None
    if any("\0" in name for name in names):
        raise not_text(key, path, "text in UTF-16, or none: it holds NUL bytes")
    if any("\ud800" <= character <= "\udfff" for character in "".join(names)):
        raise not_text(key, path, "in another encoding, such as Latin-1")
    return names


def not_text(key: str, path: str, what: str) -> DataError:
    """Returns what to say of a file that is of another format."""
    return DataError(
        f"{key}: {path} is not text in UTF-8, it seems to be {what}; save it as UTF-8 "
        "text, or say what it is, by its ending or with dataset.format"
    )


def header_hint(names: list[str]) -> str:
    """Says what seems to be wrong with a text file's header, if it is told by it."""
    if len(names) == 1:
        for mark, word in MARKS.items():
            if mark in names[0]:
                return (
                    f"; the file seems to be separated by {word}: say so with "
                    f"dataset.csv.delimiter={mark!r}"
                )
    if any(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
        return (
            "; if its first line is a row already, name the columns in "
            "dataset.csv.columns"
        )
    return ""


def row_error(
    message: str, key: str, path: str, names: list[str], first: int, keys: Any
) -> DataError | None:
    """Returns in our words what Arrow says of a row, if it is one of these.

    Args:
        message: of Arrow.
        key: the configuration's key that gave the path.
        path: of the file.
        names: of all columns.
        first: number of the file's first row, as Arrow counts.
        keys: by column that is read, the configuration's key that asks for it.
    """
    about = re.match(r"(?:In CSV column #(\d+): |CSV parse error: )", message)
    number = re.search(r"Row #(\d+): ", message)
    if "straddling object" in message:
        return DataError(
            f"{key}: cannot read {path}: a row is too long; is a quote never closed?"
        )
    if about is None or number is None:
        return None
    if about[1] is None:
        where, end = f"{key}: cannot read {path}", ""
        what = ragged(message)
    else:
        column = names[int(about[1])]
        where, end = f"{keys[column]}: column '{column}'", f" [{path}]"
        what = bad_cell(message, keys[column])
    row = int(number[1]) - first
    return None if what is None else DataError(f"{RowError(where, row, what)}{end}")


def ragged(message: str) -> str | None:
    """Returns what Arrow says of a row that has too many cells, or too few."""
    found = re.search(r"Expected (\d+) columns, got (\d+): (.*)", message, re.DOTALL)
    if found is None:
        return None
    row = found[3].partition(END)[0].rstrip("\n")
    fix = "add or remove cells, or quote those that hold the delimiter"
    if row.count('"') % 2:
        fix = "is a quote never closed?"
    return f"is {shown(row)}: Expected {found[1]} columns, got {found[2]}; {fix}"


def bad_cell(message: str, key: str) -> str | None:
    """Returns what Arrow says of a cell that is no number, or no text."""
    if "invalid UTF8" in message:
        return "is not UTF-8; save the file as UTF-8"
    found = re.search(r"invalid value '(.*)'", message, re.DOTALL)
    if found is None:
        return None
    fix = "correct the cell"
    if "\n" in found[1]:
        fix = "is a quote never closed?"
    elif key.endswith(".label"):
        fix = "a regression needs numbers; of words say what they mean: `positive:` "
        fix += "the value that counts as 1, or `classes:`"
    elif ".features." in key:
        fix = "correct or empty the cell, or make it kind: sparse"
    return f"holds {shown(found[1])}, not a number; {fix}"


def never_closed(key: str, path: str, row: int) -> DataError:
    """Returns what to say of a quote that swallows the rest of a file.

    Args:
        key: the configuration's key that gave the path.
        path: of the file.
        row: that the quote is in, from 0.
    """
    return RowError(
        f"{key}: cannot read {path}",
        row,
        "has a quote that is never closed, so that the rows after it are lost; close "
        "it, or double it inside a quoted cell",
    )
