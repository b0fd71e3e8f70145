"""Finds out how the file of a table is written."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.data.files import format_of

MAGIC = {b"PAR1": "parquet", b"ARRO": "feather"}
USUAL = {"csv": ",", "tsv": "\t"}
DELIMITERS = ",\t;|"


@dataclass(frozen=True)
class Layout:
    """How the files of a data set are written.

    Attributes:
        format: `parquet`, `feather`, `csv` or `tsv`.
        by_ending: whether the file's ending says so.
        delimiter: of text files, between cells.
        columns: names, for text files without a header; empty: numbered; None: the
            first line has the names.
        trim: whether cells of text files begin or end with spaces, which are cut.
    """

    format: str
    by_ending: bool
    delimiter: str = ","
    columns: list[str] | None = None
    trim: bool = False

    @property
    def is_text(self) -> bool:
        """Whether the cells are text, separated by the delimiter."""
        return self.format in USUAL


def layout_of(path: str, file: Path, columns: list[str] | None) -> Layout:
    """Tells a file's format by its ending, or else by its content."""
    if file.is_dir():
        named: str | None = "parquet"
    else:
        if not file.stat().st_size:
            raise DataError(f"'{path}' is empty; expected a header and rows")
        named = format_of(file.name)
    found = named or format_inside(file)
    if found not in USUAL:
        if columns is not None:
            raise DataError(f"--columns, --no-header: '{path}' is no text file")
        return Layout(found, named is not None)
    lines = first_lines(file)
    if not lines:
        raise DataError(f"'{path}' has no lines; expected a header and rows")
    delimiter = sniff(lines, USUAL[found])
    if named is None and delimiter == "\t":
        found = "tsv"
    return Layout(found, named is not None, delimiter, columns)


def format_inside(file: Path) -> str:
    """Returns a file's format by its first bytes."""
    with file.open("rb") as opened:
        start: bytes = opened.read(4)
    return MAGIC.get(start, "csv")


def first_lines(file: Path) -> list[str]:
    """Returns the first lines of a text file, without the last if it is cut."""
    size = 1 << 18
    with pa.input_stream(str(file), compression="detect") as stream:
        block = stream.read(size)
    text = block if len(block) < size else block[: block.rfind(b"\n") + 1]
    lines = re.split("\r\n|\n|\r", text.decode("utf-8-sig"))
    return [line for line in lines if line.strip()][:200]


def sniff(lines: list[str], usual: str) -> str:
    """Returns what cells seem to be separated by: most lines have as many as the first.

    Args:
        lines: the first of a file.
        usual: the delimiter of the format, taken in doubt.
    """
    for delimiter in usual + DELIMITERS:
        sizes = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
        if sizes[0] > 1 and sizes.count(sizes[0]) >= 0.9 * len(sizes):
            return delimiter
    return usual
