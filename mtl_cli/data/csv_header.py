"""Reads the header of a CSV file, and refuses files that are not UTF-8 text.

`arrow_errors.read_errors` adds the name of the file to the errors of this module: an
`UnsafeFileError` goes on as "FILE is not text in UTF-8 ...", an `ArrowInvalid` as
"cannot read FILE: ...".
"""

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
# Characters that may separate cells, and their names in messages. `header_hint` looks
# for them in this order, so characters that are rare in names come first.
DELIMITERS = {
    ";": "semicolons",
    "\t": "tabs",
    "|": "bars",
    ",": "commas",
    " ": "spaces",
}


def check_is_text(first_bytes: bytes) -> None:
    """Refuses a file that is empty or whose first bytes show another format.

    Raises:
        UnsafeFileError: if the file begins as a file of another format does.
        pa.ArrowInvalid: if the file is empty.
    """
    for signature, content in SIGNATURES.items():
        if first_bytes.startswith(signature):
            raise not_text_error(content)
    if not first_bytes.strip(b"\r\n"):
        raise pa.ArrowInvalid("Empty CSV file")  # Arrow's own words


def read_header(first_bytes: bytes, delimiter: str) -> list[str]:
    """Returns the column names in the first line that is not empty; [] without one.

    Raises:
        UnsafeFileError: if the line is not UTF-8 text.
        pa.ArrowInvalid: if the line cannot be split into names.
    """
    # "utf-8-sig" drops a byte order mark. "surrogateescape" turns each byte that is not
    # UTF-8 into a character from U+D800 to U+DFFF, so that only the header is checked.
    text = first_bytes.decode("utf-8-sig", "surrogateescape")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    # An empty line has no cells. Arrow skips empty lines, too.
    lines_with_cells = (cells for cells in lines if cells)
    try:
        names = next(lines_with_cells, [])
    except csv.Error as error:
        raise pa.ArrowInvalid(f"header: {error}") from None
    header = "".join(names)
    if "\0" in header:
        raise not_text_error(
            "text in UTF-16 or a binary file, because the first line holds NUL bytes"
        )
    if any("\ud800" <= character <= "\udfff" for character in header):
        raise UnsafeFileError(f"has a first line that is not UTF-8; {SAVE_AS_UTF8}")
    return names


def not_text_error(content: str) -> UnsafeFileError:
    """Returns the error about a file whose content seems to be of another kind."""
    return UnsafeFileError(
        f"is not text in UTF-8 but seems to be {content}; save the file as UTF-8 text, "
        "unpack it, or correct its ending or, in the YAML for mtl-train, dataset.format"
    )


def header_hint(names: list[str]) -> str:
    """Returns the likely reason why the names lack a column, for a message; or ""."""
    if names and names[0].lower().startswith("sep="):
        return "; remove the first line, which tells Excel the delimiter"
    if len(names) == 1:
        for delimiter, plural in DELIMITERS.items():
            if delimiter in names[0]:
                return (
                    f"; if {plural} separate the cells, set "
                    f"dataset.csv.delimiter={delimiter!r} for mtl-train, or write the "
                    "file like the files that the model was trained on"
                )
    if any(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
        return (
            "; if the file's first line is not a header, name the columns in "
            "dataset.csv.columns"
        )
    return ""
