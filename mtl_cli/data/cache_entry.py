"""A folder of encoded splits: written chunk by chunk, then checked and read.

The folder holds one file per array, and the manifest. The manifest describes the
arrays, and is written last. A folder without a manifest is unfinished and never read.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat

from mtl_cli.core.other_files import check_regular, read_text
from mtl_cli.data.report import Report
from mtl_cli.data.split import SPLITS
from mtl_cli.data.table import Array, ArrayFile, StoredTable, as_table

MANIFEST = "manifest"
# A file with this many bytes or more is checked by its size only, not by its CRC: to
# read the whole file would delay the start of a run.
UNCHECKED_BYTES = 1 << 28


class Manifest(BaseModel):
    """The content of an entry's file `manifest`.

    `arrays` is {`SPLIT.NAME`: the file of the array}, see `EntryWriter.add`, `features`
    what each feature has learnt, and `labels` the statistics of each task's labels.
    """

    model_config = ConfigDict(strict=True)

    arrays: dict[str, ArrayFile]
    features: dict[str, dict[str, Any]]
    labels: dict[str, dict[str, FiniteFloat]]
    report: Report


class EntryWriter:
    """Writes the arrays of splits chunk by chunk into an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrays: dict[str, ArrayFile] = {}  # {`SPLIT.NAME`: the array so far}
        self.open_files: dict[str, BinaryIO] = {}  # {`SPLIT.NAME`: the array's file}

    def close(self) -> None:
        for file in self.open_files.values():
            file.close()

    def add(self, split: str, name: str, values: Array) -> None:
        """Appends the values of some rows, (rows,) or (rows, width), to an array.

        `name` is `row_numbers`, or a key that `as_arrays` gives to an array of a
        `Table`, such as `labels.click`.
        """
        key = f"{split}.{name}"
        content = values.tobytes()
        array = self.arrays.get(key)
        if array is None:
            array = self.arrays[key] = ArrayFile(
                file=f"{len(self.arrays)}.bin",
                dtype=values.dtype.str,
                width=values.shape[1] if values.ndim == 2 else None,
                rows=len(values),
                crc=zlib.crc32(content),
            )
            self.open_files[key] = (self.folder / array.file).open("wb")
        else:
            array.rows += len(values)
            array.crc = zlib.crc32(content, array.crc)
        self.open_files[key].write(content)

    def flushed_tables(self) -> dict[str, StoredTable]:
        """Writes the added arrays to the disk, and returns {split: its rows}."""
        for file in self.open_files.values():
            file.flush()
            # Without `fsync`, a file could have the right size and wrong content after
            # a crash of the machine. For a large file, no check would notice this.
            os.fsync(file.fileno())
        return stored_tables(self.folder, self.arrays)

    def write_manifest(self, fields: dict[str, Any]) -> None:
        """Writes the manifest: its CRC-32 in the first line, then JSON.

        `fields` are the fields of the `Manifest` other than `arrays`. Call this method
        last. The manifest needs no `fsync`: if a crash damages it, its CRC is wrong,
        and the data are encoded again.
        """
        arrays = {key: array.model_dump() for key, array in self.arrays.items()}
        text = json.dumps({"arrays": arrays, **fields}, allow_nan=False)
        crc = zlib.crc32(text.encode())
        (self.folder / MANIFEST).write_text(f"{crc}\n{text}", "utf-8")


class Entry:
    """A complete folder of encoded splits.

    The constructor checks the files in the folder, because somebody else may have
    written them. `was_cached` says whether the folder was found in the cache.
    """

    def __init__(self, folder: Path, was_cached: bool = False) -> None:
        self.folder = folder
        self.was_cached = was_cached
        crc, _, text = read_text(folder / MANIFEST).partition("\n")
        if int(crc) != zlib.crc32(text.encode()):
            raise ValueError(f"{folder / MANIFEST} is damaged: its CRC is wrong")
        self.manifest = Manifest.model_validate(json.loads(text))
        num_rows: dict[str, int] = {}  # {split: number of rows}
        for key, array in self.manifest.arrays.items():
            check_array(folder / array.file, array)
            split = key.partition(".")[0]
            if num_rows.setdefault(split, array.rows) != array.rows:
                raise ValueError(
                    f"the arrays of {split} differ in their numbers of rows"
                )

    def row_numbers(self, split: str) -> Array:
        return self.manifest.arrays[f"{split}.row_numbers"].map(self.folder)

    def tables(self) -> dict[str, StoredTable]:
        """Returns {split: its rows on disk}, without reading the rows."""
        return stored_tables(self.folder, self.manifest.arrays)


def check_array(path: Path, array: ArrayFile) -> None:
    """Refuses the file of an array if it is a link, or if its size or CRC is wrong."""
    check_regular(path)
    num_bytes = array.row_bytes * array.rows
    is_damaged = path.stat().st_size != num_bytes
    if not is_damaged and num_bytes < UNCHECKED_BYTES:
        is_damaged = zlib.crc32(np.memmap(path, "uint8", "r").data) != array.crc
    if is_damaged:
        raise ValueError(f"{path} is damaged: its size or its CRC is wrong")


def stored_tables(folder: Path, arrays: dict[str, ArrayFile]) -> dict[str, StoredTable]:
    """Returns {split: its rows on disk}, in the order of `SPLITS`.

    The array `row_numbers` is no part of a table, and is left out.
    """
    files_by_split: dict[str, dict[str, ArrayFile]] = {}
    for key, array in arrays.items():
        split, _, name = key.partition(".")
        if name != "row_numbers":
            files_by_split.setdefault(split, {})[name] = array
    tables = {}
    for split in [s for s in SPLITS if s in files_by_split]:
        files = files_by_split[split]
        table = as_table({name: file.map(folder) for name, file in files.items()})
        tables[split] = StoredTable(**vars(table), folder=folder, files=files)
    return tables
