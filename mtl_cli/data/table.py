"""Encoded rows, ready for a network: in memory, or read from disk when needed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from mtl_cli.core.errors import TrainingError

Array = npt.NDArray[Any]
NO_GROUP = -1  # the group of a row whose group cell is empty
# The attributes of a `Table` that are dictionaries of arrays.
DICTIONARIES = ("features", "labels", "weights", "truths", "population", "log_rates")


@dataclass(frozen=True)
class Table:
    """Rows of one split.

    Attributes:
        features: {input of the network: (rows, width)}, see `INPUT_TYPES`.
        labels: {task: the label of each row, (rows,)}. NaN where a row has no label.
            Labels of a regression are float64, other labels float32.
        weights: {output: the weight of each row in the loss and the metrics, float32
            (rows,)}. 0 where a row has no label or lies outside the output's space.
        population: {output: the weight of each row in the metrics, float32 (rows,)},
            for outputs whose rows are a sample. If the data lack some of the rows with
            label 0, the remaining rows with label 0 have more weight. See
            `metric_weights`.
        log_rates: {task: the logarithm of each row's sampling rate, float32 (rows,)},
            for tasks with a column of sampling rates. A row with the rate 0.1 says: of
            the rows like this row with label 0, one of ten was kept.
        groups: the group of each row, whole numbers from 0 (rows,);
            `NO_GROUP` where the cell is empty. None if the data set has no groups.
        truths: {output: the true probability of each row, float32 (rows,)}, for outputs
            whose true probability is known.
    """

    features: dict[str, Array]
    labels: dict[str, Array]
    weights: dict[str, Array]
    groups: Array | None = None
    truths: dict[str, Array] = field(default_factory=dict)
    population: dict[str, Array] = field(default_factory=dict)
    log_rates: dict[str, Array] = field(default_factory=dict)

    @property
    def metric_weights(self) -> dict[str, Array]:
        """{output: the weight of each row in the metrics, (rows,)}."""
        return self.weights | self.population

    @property
    def num_rows(self) -> int:
        return len(next(iter(self.features.values())))

    def take(self, rows: Array | slice) -> "Table":
        """Returns the rows of a mask, of row numbers or of a slice."""
        return as_table({key: array[rows] for key, array in as_arrays(self).items()})

    def read(self, start: int, stop: int) -> "Table":
        return self.take(slice(start, stop))


def as_arrays(table: Table) -> dict[str, Array]:
    """Returns all arrays of a table, with keys such as `features.ids` and `groups`."""
    arrays = {
        f"{attribute}.{name}": array
        for attribute in DICTIONARIES
        for name, array in getattr(table, attribute).items()
    }
    return arrays if table.groups is None else arrays | {"groups": table.groups}


def concatenate(tables: Iterable[Table]) -> Table:
    all_arrays = [as_arrays(table) for table in tables]
    return as_table(
        {
            key: np.concatenate([arrays[key] for arrays in all_arrays])
            for key in all_arrays[0]
        }
    )


def as_table(arrays: Mapping[str, Array]) -> Table:
    """Makes a table from its arrays: the reverse of `as_arrays`."""
    dictionaries: dict[str, dict[str, Array]] = {name: {} for name in DICTIONARIES}
    for key, array in arrays.items():
        attribute, _, name = key.partition(".")
        if attribute in dictionaries:
            dictionaries[attribute][name] = array
    return Table(**dictionaries, groups=arrays.get("groups"))


class ArrayFile(BaseModel):
    """An array on disk, row after row, in a file of a folder.

    `width` is the number of values in a row; None for an array of one dimension. `crc`
    is the CRC-32 checksum of the file.
    """

    model_config = ConfigDict(strict=True)

    # The pattern allows no path that leads out of the folder.
    file: Annotated[str, Field(pattern=r"^[0-9]+\.bin$")]
    # Only booleans, integers, unsigned integers and floats are allowed. NumPy would
    # take the bytes of an array of Python objects for pointers.
    dtype: Annotated[str, Field(pattern=r"^[<>|][biuf][0-9]+$")]
    width: PositiveInt | None
    rows: PositiveInt
    crc: int

    @property
    def row_bytes(self) -> int:
        return np.dtype(self.dtype).itemsize * (self.width or 1)

    def read(self, folder: Path, start: int, stop: int) -> Array:
        path = folder / self.file
        count = (stop - start) * (self.width or 1)
        try:
            values = np.fromfile(path, self.dtype, count, offset=start * self.row_bytes)
        except FileNotFoundError:
            values = np.empty(0)
        if len(values) != count:
            raise TrainingError(
                f"{path} was cut or removed while the run read it; run the command "
                "again, which encodes the rows anew"
            )
        return values if self.width is None else values.reshape(-1, self.width)

    def map(self, folder: Path) -> Array:
        shape = (self.rows,) if self.width is None else (self.rows, self.width)
        return np.asarray(np.memmap(folder / self.file, self.dtype, "r", shape=shape))


@dataclass(frozen=True)
class StoredTable(Table):
    """The rows of one split on disk.

    The arrays of the attributes are mapped into memory: a part is read from the disk
    when it is used. The method `read` copies rows into memory.

    Attributes:
        folder: the folder of the files.
        files: {key of an array in `as_arrays`: its file}.
    """

    folder: Path = Path()
    files: dict[str, ArrayFile] = field(default_factory=dict)

    def read(self, start: int, stop: int) -> Table:
        stop = min(stop, self.num_rows)
        return as_table(
            {key: f.read(self.folder, start, stop) for key, f in self.files.items()}
        )

    def mapped(self) -> Table:
        """Returns the rows as a plain `Table`: its method `read` copies no rows."""
        return as_table(as_arrays(self))
