"""A folder of encoded splits: written chunk by chunk, then checked and read.

The folder holds one file per array and the manifest. The manifest describes the arrays,
and is written last. A folder without a manifest is unfinished and is never read.
"""

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
ARRAY_FILE_NAME = re.compile(r"\d+\.bin")
CRC_BLOCK_BYTES = 1 << 22
# A file with this many bytes or more is checked by its size only, not by its CRC: to
# read the whole file would delay the start of a run.
UNCHECKED_BYTES = 1 << 28


class ArrayRecord(TypedDict):
    """The part of the manifest about one array.

    Attributes:
        file: the name of the array's file.
        dtype: the NumPy type of the numbers.
        width: the number of values in a row; None for an array of one dimension.
        rows: the number of rows.
        crc: the CRC-32 checksum of the file.
    """

    file: str
    dtype: str
    width: int | None
    rows: int
    crc: int


class EntryWriter:
    """Writes the arrays of splits chunk by chunk.

    Args:
        folder: an empty folder, to be filled with an entry of the cache.

    Attributes:
        records: {`SPLIT.NAME`: the record of the array}.
        files: {`SPLIT.NAME`: the open file of the array}.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: dict[str, ArrayRecord] = {}
        self.files: dict[str, BinaryIO] = {}

    def __enter__(self) -> "EntryWriter":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.close()

    def add(self, split: str, name: str, rows: Array) -> None:
        """Appends rows to an array of a split.

        Args:
            split: the split.
            name: the name of the array: `row_numbers`, or a key that `as_arrays` gives
                to an array of a `Table`, such as `labels.click`.
            rows: the rows, (rows,) or (rows, width).
        """
        key = f"{split}.{name}"
        if key not in self.files:
            file_name = f"{len(self.files)}.bin"
            self.files[key] = (self.folder / file_name).open("wb")
            self.records[key] = {
                "file": file_name,
                "dtype": rows.dtype.str,
                "width": rows.shape[1] if rows.ndim == 2 else None,
                "rows": 0,
                "crc": 0,
            }
        content = rows.tobytes()
        self.files[key].write(content)
        record = self.records[key]
        record["rows"] += len(rows)
        record["crc"] = zlib.crc32(content, record["crc"])

    def tables(self) -> dict[str, StoredTable]:
        """Writes all arrays to the disk, and returns {split: its rows}.

        Call this method after the last call of `add`.
        """
        for file in self.files.values():
            file.flush()
            # Without `fsync`, a file could have the right size and wrong content after
            # a crash of the machine. For a large file, no check would notice this.
            os.fsync(file.fileno())
        return stored_tables(self.folder, self.records)

    def write_manifest(self, values: dict[str, Any]) -> None:
        """Writes the manifest: its CRC-32 in the first line, then JSON.

        Call this method last. The manifest needs no `fsync`: if a crash damages it, its
        CRC is wrong, and the entry is encoded again.

        Args:
            values: JSON values to keep beside the records of the arrays.
        """
        text = json.dumps({"arrays": self.records, **values}, allow_nan=False)
        crc = zlib.crc32(text.encode())
        (self.folder / MANIFEST).write_text(f"{crc}\n{text}", "utf-8")


class Entry:
    """A complete folder of encoded splits. Opening an entry checks its files.

    Args:
        folder: a folder that an `EntryWriter` has filled.
        was_cached: whether the entry was found in the cache, not encoded by this call.

    Attributes:
        manifest: the values that were passed to `EntryWriter.write_manifest`, and under
            `arrays` the records of the arrays.

    Raises:
        ValueError: if the content of a file is not what the writer wrote.
        OSError: if a file is missing or cannot be read.
    """

    def __init__(self, folder: Path, was_cached: bool = False) -> None:
        self.folder = folder
        self.was_cached = was_cached
        crc, _, text = read_text(folder / MANIFEST).partition("\n")
        if int(crc) != zlib.crc32(text.encode()):
            raise ValueError(f"{folder / MANIFEST} is damaged: its CRC is wrong")
        self.manifest = json.loads(text)
        num_rows: dict[str, int] = {}  # {split: number of rows}
        for key, record in self.manifest["arrays"].items():
            check_array(folder, record)
            split = key.partition(".")[0]
            if num_rows.setdefault(split, record["rows"]) != record["rows"]:
                raise ValueError(f"the arrays of {split} have different row counts")

    def array(self, split: str, name: str) -> Array:
        """Returns one array of a split, mapped into memory.

        Args:
            split: the split.
            name: the name of the array, see `EntryWriter.add`.
        """
        record = self.manifest["arrays"][f"{split}.{name}"]
        return array_file(self.folder, record).map(record["rows"])

    def tables(self) -> dict[str, StoredTable]:
        """Returns {split: its rows}, without reading them."""
        return stored_tables(self.folder, self.manifest["arrays"])


def check_array(folder: Path, record: ArrayRecord) -> None:
    """Checks that the file of an array fits the array's record.

    The folder and its manifest may have been made by someone else, so the record is
    checked too.

    Raises:
        ValueError: if the file or the record is refused.
        OSError: if there is no such file.
    """
    if not ARRAY_FILE_NAME.fullmatch(record["file"]):  # such as a path to elsewhere
        raise ValueError(f"{record['file']} is not the name of an array's file")
    path = folder / record["file"]
    check_regular(path)
    num_rows = record["rows"]
    width = 1 if record["width"] is None else record["width"]
    sizes = num_rows, width
    if not (all(isinstance(size, int) for size in sizes) and min(sizes) > 0):
        raise ValueError(f"{path} has no rows or columns")
    dtype = np.dtype(record["dtype"])
    # Only booleans, integers, unsigned integers and floats are allowed. NumPy would
    # take the bytes of an array of Python objects for pointers.
    if dtype.kind not in "biuf":
        raise ValueError(f"{path} holds {dtype}, which is not a type of numbers")
    num_bytes = dtype.itemsize * width * num_rows
    if path.stat().st_size != num_bytes:
        raise ValueError(f"{path} is damaged: its size is wrong")
    if num_bytes < UNCHECKED_BYTES and file_crc(path) != record["crc"]:
        raise ValueError(f"{path} is damaged: its CRC is wrong")


def file_crc(path: Path) -> int:
    """Returns the CRC-32 checksum of a file."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(CRC_BLOCK_BYTES):
            crc = zlib.crc32(block, crc)
    return crc


def array_file(folder: Path, record: ArrayRecord) -> ArrayFile:
    """Returns the file that an array's record describes."""
    return ArrayFile(folder / record["file"], record["dtype"], record["width"])


def stored_tables(
    folder: Path, records: dict[str, ArrayRecord]
) -> dict[str, StoredTable]:
    """Returns {split: its rows}. The array `row_numbers` is left out.

    Args:
        folder: the folder of the files.
        records: {`SPLIT.NAME`: the record of the array}.
    """
    files: dict[str, dict[str, ArrayFile]] = {}
    num_rows = {}
    for key, record in records.items():
        split, _, name = key.partition(".")
        num_rows[split] = record["rows"]
        if name != "row_numbers":
            files.setdefault(split, {})[name] = array_file(folder, record)
    return {
        split: StoredTable(num_rows[split], files[split])
        for split in SPLITS
        if split in files
    }
