"""Reads the header of a CSV file, and refuses files that are not UTF-8 text.

`arrow_errors.read_errors` adds the name of the file to the errors of this module.
"""

import csv
import io

import pyarrow as pa

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.data.arrow_errors import SAVE_AS_UTF8

HEADER_BYTES = 1 << 22  # enough for any header


def check_is_text(first_bytes: bytes) -> None:
    """Refuses a file that is empty, or whose first line is not text in UTF-8."""
    if not first_bytes.strip(b"\r\n"):
        raise pa.ArrowInvalid("Empty CSV file")  # Arrow's own words
    try:
        text = first_bytes.lstrip(b"\r\n").splitlines()[0].decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # text in UTF-16 and binary files hold NUL bytes
        raise UnsafeFileError(
            f"is not text in UTF-8; {SAVE_AS_UTF8}; or unpack it, or correct its "
            "ending or, in the YAML for mtl-train, dataset.format"
        )


def read_header(first_bytes: bytes, delimiter: str) -> list[str]:
    """Returns the column names in the first line that is not empty; [] without one."""
    # "utf-8-sig" drops a byte order mark.
    text = first_bytes.decode("utf-8-sig", "replace")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        # An empty line has no cells. Arrow skips empty lines, too.
        return next((cells for cells in lines if cells), [])
    except csv.Error as error:
        raise pa.ArrowInvalid(f"header: {error}") from None
