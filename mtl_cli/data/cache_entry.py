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
    """Writes the arrays of splits, which grow chunk by chunk.

    Args:
        folder: to write to.
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
            width = x.shape[1] if x.ndim == 2 else None
            file = f"{len(self.files)}.bin"
            self.files[key] = (self.folder / file).open("wb")
            self.arrays[key] = {
                "file": file,
                "dtype": x.dtype.str,
                "width": width,
                "rows": 0,
                "crc": 0,
            }
        content = x.tobytes()
        self.files[key].write(content)
        self.arrays[key]["rows"] += len(x)
        self.arrays[key]["crc"] = zlib.crc32(content, self.arrays[key]["crc"])

    def tables(self) -> dict[str, StoredTable]:
        """Returns the rows of each split, once all are written."""
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        return stored(self.folder, self.arrays)

    def close(self, record: dict[str, Any]) -> None:
        """Writes what else there is to know of the data, last: a checksum and JSON."""
        text = json.dumps({"arrays": self.arrays, **record}, allow_nan=False)
        crc = zlib.crc32(text.encode())
        (self.folder / MANIFEST).write_text(f"{crc}\n{text}", "utf-8")


class Entry:
    """A finished folder of encoded splits.

    Args:
        folder: that a `Writer` filled.
        found: whether it was there before.

    Raises:
        ValueError: if it is not as it was written.
    """

    def __init__(self, folder: Path, found: bool = False) -> None:
        self.folder = folder
        self.found = found
        crc, _, text = (folder / MANIFEST).read_text("utf-8").partition("\n")
        if int(crc) != zlib.crc32(text.encode()):
            raise ValueError(f"{folder / MANIFEST} is not as it was written")
        self.record = json.loads(text)
        for about in self.record["arrays"].values():
            width = 1 if about["width"] is None else about["width"]
            size = int(about["dtype"][2:]) * width * about["rows"]
            path = folder / about["file"]
            if path.stat().st_size != size or (
                size < BYTES_TO_CHECK and not self.intact(path, about["crc"])
            ):
                raise ValueError(f"{path} is not as it was written")

    @staticmethod
    def intact(path: Path, crc: int) -> bool:
        """Whether a file's checksum is what it was."""
        found = 0
        with path.open("rb") as file:
            while block := file.read(CRC_BLOCK_BYTES):
                found = zlib.crc32(block, found)
        return found == crc

    def array(self, split: str, name: str) -> Array:
        """Maps one array of a split into memory."""
        about = self.record["arrays"][f"{split}.{name}"]
        path = self.folder / about["file"]
        return ArrayFile(path, about["dtype"], about["width"]).map(about["rows"])

    def tables(self) -> dict[str, StoredTable]:
        """Returns the rows of each split."""
        return stored(self.folder, self.record["arrays"])


def stored(folder: Path, arrays: dict[str, dict[str, Any]]) -> dict[str, StoredTable]:
    """Returns the rows of each split, whose arrays lie in a folder."""
    found: dict[str, dict[str, ArrayFile]] = {}
    rows = {}
    for key, about in arrays.items():
        split, _, name = key.partition(".")
        rows[split] = about["rows"]
        if name != "row_numbers":
            file = ArrayFile(folder / about["file"], about["dtype"], about["width"])
            found.setdefault(split, {})[name] = file
    return {s: StoredTable(rows[s], found[s]) for s in SPLITS if s in found}
