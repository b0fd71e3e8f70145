"""Turns Arrow's errors into one line: the file, the reason, and how to fix it.

Some errors of Arrow need advice of their own: text that is not UTF-8, a row that is too
long, a row with too many or too few cells, an encoding or a type that Arrow cannot
read, and a stream in place of a file. Arrow gives these errors neither a class nor a
code of their own, so this module recognises them by their English text.
`tests/data/test_arrow_errors.py` and `tests/data/test_parquet_file.py` fail if a
version of Arrow changes these texts.
"""

import contextlib
import re
from collections.abc import Iterator

import pyarrow as pa

from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.other_files import UnsafeFileError

# Windows-1252 is Latin-1 with more characters, such as the euro sign.
SAVE_AS_UTF8 = (
    "save the file as UTF-8; if it comes from Windows or is Latin-1: iconv -f cp1252 "
    "-t utf-8 FILE > utf8.csv"
)
CHECK_FILE = "check that the file is complete and of the format of its ending"
# {a part of Arrow's error: how to fix the file}
FIXES = {
    "Integers with more than 64 bits": (
        "write integers of 128 bits as integers of 64 bits or as text"
    ),
    # Arrow has two formats. A stream lacks the list of batches at the end of a file.
    "Not an Arrow file": (
        f"{CHECK_FILE}; a stream of Arrow is not read: write a file, as with "
        "pyarrow.ipc.new_file, or Parquet"
    ),
}
# Arrow's error about a row of a CSV file with too many or too few cells. Arrow counts
# rows from 1, and the header is a row. `text` is the beginning of the row. If Arrow has
# cut it, it ends in `CUT`.
CUT = " ..."
RAGGED_ROW = re.compile(
    r"Row #(?P<row>\d+): Expected (?P<columns>\d+) columns, got (?P<cells>\d+): "
    r"(?P<text>.*)",
    re.DOTALL,
)


def is_not_utf8(error: BaseException) -> bool:
    """Whether Arrow or Python refused bytes because they are not UTF-8."""
    return isinstance(error, UnicodeDecodeError) or "UTF8" in str(error)


def is_row_too_long(error: pa.ArrowInvalid) -> bool:
    """Whether Arrow refused a row of a CSV file because it is longer than a block."""
    return "straddling object" in str(error)


def is_not_implemented(error: OSError) -> bool:
    """Whether Arrow refused a file because it cannot read one of its encodings."""
    return "Not yet implemented" in str(error)


def check_cells(table: pa.Table) -> None:
    """Refuses damaged cells, on which Arrow may crash later.

    Raises:
        pa.ArrowInvalid: if a cell is damaged; the message names the column.
    """
    for name, cells in zip(table.column_names, table.columns, strict=True):
        try:
            cells.validate(full=True)
        except pa.ArrowInvalid as error:
            raise pa.ArrowInvalid(f"column '{name}': {first_line(error)}") from None


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
        if is_not_utf8(error):
            fix = "save the file as UTF-8"
        else:
            fixes = (fix for text, fix in FIXES.items() if text in str(error))
            fix = next(fixes, CHECK_FILE)
        raise DataError(
            f"{key}: cannot read {path}: {first_line(error).rstrip('.')}; {fix}"
        ) from None
