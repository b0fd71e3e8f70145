"""Turns Arrow's errors into one line: the file, the reason, and how to fix it.

Arrow gives its errors no code, so some of them are recognised by their English text.
`tests/data/test_arrow_errors.py` fails if a version of Arrow changes these texts.
"""

import contextlib
import re
from collections.abc import Iterator

import pyarrow as pa

from mtl_cli.columns.arrow_types import with_plain_types
from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.other_files import UnsafeFileError

# Windows-1252 is Latin-1 with more characters, such as the euro sign.
SAVE_AS_UTF8 = (
    "save the file as UTF-8; if it comes from Windows or is Latin-1: iconv -f cp1252 "
    "-t utf-8 FILE > utf8.csv"
)
# Arrow's error about a row of a CSV file with too many or too few cells. Arrow counts
# rows from 1, and the header is a row. `text` is the beginning of the row.
RAGGED_ROW = re.compile(
    r"Row #(?P<row>\d+): Expected (?P<columns>\d+) columns, got (?P<cells>\d+): "
    r"(?P<text>.*)",
    re.DOTALL,
)


def is_not_utf8(error: BaseException) -> bool:
    return isinstance(error, UnicodeDecodeError) or "UTF8" in str(error)


def is_row_too_long(error: pa.ArrowInvalid) -> bool:
    """Whether a row of a CSV file is longer than a block."""
    return "straddling object" in str(error)


def plain_rows_in_memory(table: pa.Table, key: str) -> pa.Table:
    """Converts the columns of a caller's table to plain types.

    `key` names the table in errors about damaged cells.
    """
    try:
        return with_plain_types(table)
    except pa.ArrowInvalid as error:
        raise DataError(f"{key}: {first_line(error)}; convert the column") from None


@contextlib.contextmanager
def read_errors(key: str, path: str) -> Iterator[None]:
    """Turns the errors of reading a file, in a `with` block, into a `DataError`.

    Args:
        key: the configuration's key that names the table.
        path: the path of the file in messages. An `UnsafeFileError` of the block is the
            end of a sentence, such as "has 48 bytes, but ...", so it follows the path.
    """
    try:
        yield
    except UnsafeFileError as error:
        raise DataError(f"{key}: {path} {error}") from None
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        fix = "check that the file is complete and of the format of its ending"
        if is_not_utf8(error):
            fix = "save the file as UTF-8"
        elif "Not yet implemented" in str(error):  # such as the encoding of a column
            fix = "write the file in another way, such as by pandas"
        raise DataError(
            f"{key}: cannot read {path}: {first_line(error).rstrip('.')}; {fix}"
        ) from None
