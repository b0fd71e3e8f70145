"""Encoded splits in a folder: written chunk by chunk, checked, mapped into memory."""

import json
import os
import zlib
from pathlib import Path
from typing import Any

from mtl_cli.data.split import SPLITS
from mtl_cli.data.table import Array, ArrayFile, StoredTable

MANIFEST = "manifest"
CRC_BLOCK_BYTES = 1 << 22
# Of larger files only the size is checked, so that a run starts at once.
BYTES_TO_CHECK = 1 << 28


class Writer:
    """Writes the arrays of splits chunk by chunk.

    Args:
        folder: an empty folder, to become a cache entry.

    Attributes:
        arrays: {`SPLIT.NAME`: file name, dtype, width, rows and CRC of the array}.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrays: dict[str, dict[str, Any]] = {}
        self.files: dict[str, Any] = {}

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.close()

    def add(self, split: str, name: str, x: Array) -> None:
        """Appends rows to an array of a split."""
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
        """Writes the manifest, the last file: a checksum, then JSON.

        Args:
            values: what was learnt and reported, in JSON values.
        """
        text = json.dumps({"arrays": self.arrays, **values}, allow_nan=False)
        crc = zlib.crc32(text.encode())
        (self.folder / MANIFEST).write_text(f"{crc}\n{text}", "utf-8")


class Entry:
    """A finished folder of encoded splits.

    Args:
        folder: a folder that a `Writer` has filled.
        was_cached: whether an earlier call or another process has encoded the entry.

    Attributes:
        manifest: the values of `Writer.write_manifest`, and `arrays`.

    Raises:
        ValueError: if a file differs from what was written.
    """

    def __init__(self, folder: Path, was_cached: bool = False) -> None:
        self.folder = folder
        self.was_cached = was_cached
        crc, _, text = (folder / MANIFEST).read_text("utf-8").partition("\n")
        if int(crc) != zlib.crc32(text.encode()):
            raise ValueError(f"{folder / MANIFEST} is not as it was written")
        self.manifest = json.loads(text)
        for array in self.manifest["arrays"].values():
            width = 1 if array["width"] is None else array["width"]
            size = int(array["dtype"][2:]) * width * array["rows"]
            path = folder / array["file"]
            if path.stat().st_size != size or (
                size < BYTES_TO_CHECK and file_crc(path) != array["crc"]
            ):
                raise ValueError(f"{path} is not as it was written")

    def array(self, split: str, name: str) -> Array:
        """Maps one array of a split into memory."""
        array = self.manifest["arrays"][f"{split}.{name}"]
        return array_file(self.folder, array).map(array["rows"])

    def tables(self) -> dict[str, StoredTable]:
        """Returns the rows of each split."""
        return stored_tables(self.folder, self.manifest["arrays"])


def file_crc(path: Path) -> int:
    """Returns the CRC-32 of a file."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(CRC_BLOCK_BYTES):
            crc = zlib.crc32(block, crc)
    return crc


def array_file(folder: Path, array: dict[str, Any]) -> ArrayFile:
    """Returns an array as its manifest describes it."""
    return ArrayFile(folder / array["file"], array["dtype"], array["width"])


def stored_tables(
    folder: Path, arrays: dict[str, dict[str, Any]]
) -> dict[str, StoredTable]:
    """Returns the rows of each split, from the `arrays` of a manifest."""
    files: dict[str, dict[str, ArrayFile]] = {}
    rows = {}
    for key, array in arrays.items():
        split, _, name = key.partition(".")
        rows[split] = array["rows"]
        if name != "row_numbers":
            files.setdefault(split, {})[name] = array_file(folder, array)
    return {s: StoredTable(rows[s], files[s]) for s in SPLITS if s in files}
