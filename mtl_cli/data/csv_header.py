"""Checks the start of a CSV file: its encoding and its header."""

import csv
import io
import re

import pyarrow as pa

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.data.arrow_errors import SAVE_AS_UTF8

HEADER_BYTES = 1 << 22  # enough for any header
# The first bytes of files that are not UTF-8 text.
SIGNATURES = {
    b"PAR1": "a Parquet file",
    b"ARROW1": "a Feather file",
    b"\x1f\x8b": "compressed with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"BZh91AY&SY": "compressed with bzip2",
    b"\xfd7zXZ\0": "compressed with xz",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
# Characters that may separate cells, and their names in messages.
DELIMITERS = {
    ";": "semicolons",
    "\t": "tabs",
    "|": "bars",
    ",": "commas",
    " ": "spaces",
}


def check_is_text(first_bytes: bytes) -> None:
    """Refuses a file that is empty or whose first bytes show another format."""
    for signature, content in SIGNATURES.items():
        if first_bytes.startswith(signature):
            raise not_text_error(content)
    if not first_bytes.strip(b"\r\n"):
        raise pa.ArrowInvalid("Empty CSV file")  # Arrow's own words


def read_header(first_bytes: bytes, delimiter: str) -> list[str]:
    """Returns the column names in the first line of a file; refuses other encodings."""
    # "utf-8-sig" drops a byte order mark. "surrogateescape" turns each byte that is not
    # UTF-8 into a character from U+D800 to U+DFFF, so that only the header is checked.
    text = first_bytes.decode("utf-8-sig", "surrogateescape")
    lines = io.StringIO(text, newline="")
    try:
        # `filter` skips empty lines, as Arrow does.
        names = next(filter(None, csv.reader(lines, delimiter=delimiter)), [])
    except csv.Error as error:
        raise pa.ArrowInvalid(f"header: {error}") from None
    header = "".join(names)
    if "\0" in header:
        raise not_text_error("text in UTF-16, or a binary file: it holds NUL bytes")
    if any("\ud800" <= character <= "\udfff" for character in header):
        raise UnsafeFileError(f"has a first line that is not UTF-8; {SAVE_AS_UTF8}")
    return names


def not_text_error(content: str) -> UnsafeFileError:
    """Returns the error about a file that seems to be something else than text."""
    return UnsafeFileError(
        f"is not text in UTF-8; it seems to be {content}; save it as UTF-8 text, "
        "unpack it, or correct its ending (or, for mtl-train, dataset.format)"
    )


def header_hint(names: list[str]) -> str:
    """Returns a likely reason why a column is missing, to end a message, or ""."""
    if len(names) == 1:
        for delimiter, plural in DELIMITERS.items():
            if delimiter in names[0]:
                return (
                    f"; the cells seem to be separated by {plural}: set "
                    f"dataset.csv.delimiter={delimiter!r}"
                )
    if any(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
        return (
            "; if the file's first line is not a header, name the columns in "
            "dataset.csv.columns"
        )
    return ""
