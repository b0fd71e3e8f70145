"""A folder of encoded splits: written chunk by chunk, then checked and read."""

import json
import os
import re
import zlib
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

import numpy as np

from mtl_cli.core.other_files import check_regular, read_text
from mtl_cli.data.split import SPLITS
from mtl_cli.data.table import Array, ArrayFile, StoredTable

MANIFEST = "manifest"
FILE_NAME = re.compile(r"\d+\.bin")
CRC_BLOCK_BYTES = 1 << 22
# The CRC of larger files is not checked, only their size: a run must start at once.
BYTES_TO_CHECK = 1 << 28


class ArrayRecord(TypedDict):
    """The part of the manifest about one array.

    Attributes:
        file: the name of the array's file.
        dtype: the NumPy type of the numbers.
        width: the length of a row; None for an array of one dimension.
        rows: the number of rows.
        crc: the CRC-32 of the file.
    """

    file: str
    dtype: str
    width: int | None
    rows: int
    crc: int


class Writer:
    """Writes the arrays of splits chunk by chunk.

    Args:
        folder: an empty folder; it becomes a cache entry.

    Attributes:
        arrays: the record of each array, {`SPLIT.NAME`: record}.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrays: dict[str, ArrayRecord] = {}
        self.files: dict[str, BinaryIO] = {}

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.close()

    def add(self, split: str, name: str, x: Array) -> None:
        """Appends rows to an array of a split.

        Args:
            split: the split.
            name: the name of the array: `row_numbers`, or a name of `as_arrays`.
            x: the rows, (rows,) or (rows, width).
        """
        key = f"{split}.{name}"
        if key not in self.files:
            file_name = f"{len(self.files)}.bin"
            self.files[key] = (self.folder / file_name).open("wb")
            self.arrays[key] = {
                "file": file_name,
                "dtype": x.dtype.str,
                "width": x.shape[1] if x.ndim == 2 else None,
                "rows": 0,
                "crc": 0,
            }
        content = x.tobytes()
        self.files[key].write(content)
        self.arrays[key]["rows"] += len(x)
        self.arrays[key]["crc"] = zlib.crc32(content, self.arrays[key]["crc"])

    def tables(self) -> dict[str, StoredTable]:
        """Returns the rows of each split, after all rows are written."""
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        return stored_tables(self.folder, self.arrays)

    def write_manifest(self, values: dict[str, Any]) -> None:
        """Writes the manifest: a CRC, then JSON. The manifest completes the folder.

        Args:
            values: JSON values to keep beside the records of the arrays.
        """
        text = json.dumps({"arrays": self.arrays, **values}, allow_nan=False)
        crc = zlib.crc32(text.encode())
        (self.folder / MANIFEST).write_text(f"{crc}\n{text}", "utf-8")


class Entry:
    """A complete folder of encoded splits.

    Args:
        folder: a folder that a `Writer` has filled.
        was_cached: whether the entry was found in the cache, not encoded by this call.

    Attributes:
        manifest: the values given to `Writer.write_manifest`, and the records of the
            arrays under `arrays`.

    Raises:
        ValueError: if a file differs from what was written.
    """

    def __init__(self, folder: Path, was_cached: bool = False) -> None:
        self.folder = folder
        self.was_cached = was_cached
        crc, _, text = read_text(folder / MANIFEST).partition("\n")
        if int(crc) != zlib.crc32(text.encode()):
            raise ValueError(f"{folder / MANIFEST} is not as it was written")
        self.manifest = json.loads(text)
        rows: dict[str, int] = {}
        for key, record in self.manifest["arrays"].items():
            check_array(folder, record)
            split = key.partition(".")[0]
            if rows.setdefault(split, record["rows"]) != record["rows"]:
                raise ValueError(f"the arrays of {split} differ in their rows")

    def array(self, split: str, name: str) -> Array:
        """Maps one array of a split into memory."""
        record = self.manifest["arrays"][f"{split}.{name}"]
        return array_file(self.folder, record).map(record["rows"])

    def tables(self) -> dict[str, StoredTable]:
        """Returns the rows of each split."""
        return stored_tables(self.folder, self.manifest["arrays"])


def check_array(folder: Path, record: ArrayRecord) -> None:
    """Refuses the file of an array that is not as it was written.

    Raises:
        ValueError: if the file or the array's record is refused.
        OSError: if there is no such file.
    """
    if not FILE_NAME.fullmatch(record["file"]):
        raise ValueError(f"{record['file']} is no file of an entry")
    path = folder / record["file"]
    check_regular(path)
    rows, width = record["rows"], 1 if record["width"] is None else record["width"]
    if not (isinstance(rows, int) and isinstance(width, int) and min(rows, width) > 0):
        raise ValueError(f"{path} has no rows or columns")
    dtype = np.dtype(record["dtype"])
    if dtype.kind not in "biuf":  # bytes of a file are no Python objects
        raise ValueError(f"{dtype} is no type of numbers")
    size = dtype.itemsize * width * rows
    if path.stat().st_size != size or (
        size < BYTES_TO_CHECK and file_crc(path) != record["crc"]
    ):
        raise ValueError(f"{path} is not as it was written")


def file_crc(path: Path) -> int:
    """Returns the CRC-32 of a file."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(CRC_BLOCK_BYTES):
            crc = zlib.crc32(block, crc)
    return crc


def array_file(folder: Path, record: ArrayRecord) -> ArrayFile:
    """Returns the file of an array, as the array's record describes it."""
    return ArrayFile(folder / record["file"], record["dtype"], record["width"])


def stored_tables(
    folder: Path, arrays: dict[str, ArrayRecord]
) -> dict[str, StoredTable]:
    """Returns {split: its rows} from the records of the arrays, without row numbers."""
    files: dict[str, dict[str, ArrayFile]] = {}
    rows = {}
    for key, record in arrays.items():
        split, _, name = key.partition(".")
        rows[split] = record["rows"]
        if name != "row_numbers":
            files.setdefault(split, {})[name] = array_file(folder, record)
    return {s: StoredTable(rows[s], files[s]) for s in SPLITS if s in files}
