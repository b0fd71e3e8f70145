"""Reads the header of a CSV file, and refuses a file that is no text in UTF-8."""

import codecs
import csv
import io

import pyarrow as pa

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.data.arrow_errors import SAVE_AS_UTF8

HEADER_BYTES = 4 << 20  # enough for any header
WORKBOOK_OR_ZIP = b"PK\3\4", b"\xd0\xcf\x11\xe0"  # the first bytes; of .xls the last


def read_first_bytes(stream: pa.NativeFile) -> bytes:
    """Reads the first `HEADER_BYTES` of a file, or the whole file.

    A file is refused if it is empty, or if its first line is not text in UTF-8.
    """
    first_bytes: bytes = stream.read(HEADER_BYTES)
    check_is_text(first_bytes)
    return first_bytes


def check_is_text(first_bytes: bytes) -> None:
    if not first_bytes.strip(b"\r\n"):
        raise pa.ArrowInvalid("Empty CSV file")  # Arrow's own words
    try:
        line = first_bytes.lstrip(b"\r\n").splitlines()[0]
        # The end of a very long line is cut off, perhaps within a character.
        is_whole = len(first_bytes) < HEADER_BYTES
        text = codecs.getincrementaldecoder("utf-8")().decode(line, is_whole)
    except UnicodeDecodeError:
        text = "\0"
    if first_bytes.startswith(WORKBOOK_OR_ZIP):
        raise UnsafeFileError(
            "is an Excel workbook or a zip archive; save its table as CSV, or unpack it"
        )
    if "\0" in text:  # text in UTF-16 and binary files hold NUL bytes
        if encoding := utf_16_encoding(first_bytes):
            raise UnsafeFileError(
                f"is not text in UTF-8; save the file as UTF-8: iconv -f {encoding} -t "
                "utf-8 FILE > utf8.csv"
            )
        raise UnsafeFileError(
            f"is not text in UTF-8; {SAVE_AS_UTF8}; or unpack it, or correct its "
            "ending or, in the YAML for mtl-train, dataset.format"
        )


def utf_16_encoding(first_bytes: bytes) -> str | None:
    """Returns the name of the encoding of text in UTF-16; None for other bytes.

    Text without a byte order mark is recognised if its first letters are Latin ones.
    """
    if first_bytes.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even_bytes, odd_bytes = first_bytes[:64:2], first_bytes[1:64:2]
    if any(even_bytes) == any(odd_bytes):
        return None
    return "utf-16le" if any(even_bytes) else "utf-16be"


def read_header(first_bytes: bytes, delimiter: str) -> list[str]:
    """Returns the column names in the first line that is not empty; [] without one.

    Args:
        first_bytes: see `read_first_bytes`.
        delimiter: the character between the names.
    """
    # "utf-8-sig" drops a byte order mark.
    stream = io.StringIO(first_bytes.decode("utf-8-sig", "replace"), newline="")
    lines = csv.reader(stream, delimiter=delimiter)
    try:
        # An empty line has no cells. Arrow skips empty lines, too.
        header = next((cells for cells in lines if cells), [])
    except csv.Error as error:
        raise pa.ArrowInvalid(f"header: {error}") from None
    if len(first_bytes) == HEADER_BYTES and not stream.read(1):
        raise UnsafeFileError(
            f"has a first line that is longer than {HEADER_BYTES >> 20} MiB; check the "
            "line ends, or shorten the names of the columns"
        )
    return header
