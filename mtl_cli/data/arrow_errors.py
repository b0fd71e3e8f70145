"""Tells Arrow's errors in one line: file, reason, and how to mend it.

Two errors of Arrow have a remedy of their own, but neither a class nor a code: only
their English text tells them apart. No other module looks into Arrow's texts, and
`tests/data/test_arrow_errors.py` fails if a version of Arrow words them differently.
"""

import contextlib
from collections.abc import Iterator

import pyarrow as pa

from mtl_cli.core.errors import DataError, first_line


def is_not_utf8(error: BaseException) -> bool:
    """Whether a library refused bytes because they are not UTF-8."""
    return isinstance(error, UnicodeDecodeError) or "UTF8" in str(error)


def is_row_too_long(error: pa.ArrowInvalid) -> bool:
    """Whether Arrow refused a row of a CSV file because it is longer than a block."""
    return "straddling object" in str(error)


@contextlib.contextmanager
def read_errors(key: str, path: str) -> Iterator[None]:
    """Turns a library's error about a file into a `DataError` that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        if is_not_utf8(error):
            fix = "save the file as UTF-8"
        else:
            fix = "is it whole, and of the format that its ending says?"
        raise DataError(
            f"{key}: cannot read {path}: {first_line(error).rstrip('.')}; {fix}"
        ) from None
