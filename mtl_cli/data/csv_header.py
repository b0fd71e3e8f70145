"""Checks the start of a CSV file: its encoding, and the names in its header."""

import csv
import io
import re

from mtl_cli.core.errors import DataError

HEADER_BYTES = 1 << 22  # a header is not longer
# The first bytes of files that are not UTF-8 text.
SIGNATURES = {
    b"PAR1": "a Parquet file",
    b"ARROW1": "a Feather file",
    b"\x1f\x8b": "compressed with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
PLURALS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas", " ": "spaces"}


def check_is_text(key: str, path: str, start: bytes) -> None:
    """Refuses a file that is empty or whose first bytes show another format."""
    for signature, content in SIGNATURES.items():
        if start.startswith(signature):
            raise not_text(key, path, content)
    if not start.strip(b"\r\n"):
        raise DataError(f"{key}: cannot read {path}: Empty CSV file")


def read_header(key: str, path: str, start: bytes, delimiter: str) -> list[str]:
    """Returns the names in the first line of a text file, after checking its encoding.

    Args:
        key: the configuration's key that names the file.
        path: the file's path in messages.
        start: the file's first bytes.
        delimiter: the character between names.
    """
    lines = io.StringIO(start.decode("utf-8-sig", "surrogateescape"), newline="")
    try:
        names = next(filter(None, csv.reader(lines, delimiter=delimiter)), [])
    except csv.Error as error:
        raise DataError(f"{key}: cannot read {path}: header: {error}") from None
    text = "".join(names)
    if "\0" in text:
        raise not_text(key, path, "text in UTF-16, or none: it holds NUL bytes")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise not_text(key, path, "in another encoding, such as Latin-1")
    return names


def not_text(key: str, path: str, content: str) -> DataError:
    """Returns the error about a file that holds something else than UTF-8 text."""
    return DataError(
        f"{key}: {path} is not text in UTF-8, it seems to be {content}; save it as "
        "UTF-8 text, or say what it is, by its ending or with dataset.format"
    )


def header_hint(names: list[str]) -> str:
    """Returns what seems to be wrong with a header, "" if it looks like one."""
    if len(names) == 1:
        for delimiter, plural in PLURALS.items():
            if delimiter in names[0]:
                return (
                    f"; the file seems to be separated by {plural}: say so with "
                    f"dataset.csv.delimiter={delimiter!r}"
                )
    if any(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
        return (
            "; if its first line is a row already, name the columns in "
            "dataset.csv.columns"
        )
    return ""
