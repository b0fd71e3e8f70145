"""The file of a network's weights: written as a whole, checked before it is read."""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mtl_cli.core.other_files import UnsafeFileError

WEIGHTS = "model/model.weights.h5"  # below the run folder
# Limits for a file of weights. The file of any network stays far below them.
MAX_ENTRIES = 100_000  # the number of groups and arrays
MAX_DEPTH = 32  # the number of nested groups
MAX_NAME_BYTES = 2000  # of the name of a group or an array


class WeightsInMemory(io.BytesIO):
    """A file in memory to which Keras can write weights.

    The HDF5 library writes the weights, and would crash the process on a full disk.
    """

    def __str__(self) -> str:
        # Keras refuses a file whose name does not end in `.weights.h5`.
        return WEIGHTS


def array_sizes(weights: Path) -> list[int]:
    """Returns the number of weights in each array of a file, without reading them.

    Raises an `UnsafeFileError` if the file leads to another file, or may fill the
    memory. Such a file holds links, far too many groups, compressed arrays or arrays
    without numbers, or is smaller than its arrays.
    """
    import h5py

    with h5py.File(weights) as file:
        arrays = list(arrays_in(file, itertools.count(1)))
        num_bytes = sum(array.nbytes for array in arrays)
        if weights.stat().st_size < num_bytes:
            raise UnsafeFileError(f"{WEIGHTS} is too small for its arrays")
        return [array.size for array in arrays]


def arrays_in(group: Any, counter: Iterator[int]) -> Iterator[Any]:
    """Yields the arrays in an `h5py.Group` and its subgroups, as `h5py.Dataset`.

    The counter counts the groups and arrays of the file, over all recursive calls.
    Raises an `UnsafeFileError` as `array_sizes` does.
    """
    import h5py

    refused = []

    def check_name(name: bytes) -> bool | None:
        if next(counter) > MAX_ENTRIES or len(name) > MAX_NAME_BYTES:
            refused.append(name)
        return bool(refused) or None  # True ends the iteration

    # A group may hold its names compressed, and `for key in group` expands them all. In
    # the native order, HDF5 reads one name after the other.
    group.id.links.iterate(check_name, order=h5py.h5.ITER_NATIVE)
    if refused:
        raise UnsafeFileError(f"{WEIGHTS} has too many groups, or too long names")
    for key in group:
        name = f"{group.name.rstrip('/')}/{key}"
        if name.count("/") > MAX_DEPTH:
            raise UnsafeFileError(f"{WEIGHTS} has too many nested groups")
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise UnsafeFileError(f"{WEIGHTS}: '{name}' is a link")
        entry = group[key]
        if isinstance(entry, h5py.Group):
            yield from arrays_in(entry, counter)
        elif isinstance(entry, h5py.Dataset):
            if entry.dtype.kind not in "biuf":  # boolean, signed, unsigned, float
                dtype = str(entry.dtype)[:60]
                raise UnsafeFileError(f"{WEIGHTS}: '{name}' holds {dtype}")
            if entry.chunks is not None:  # only arrays in chunks can be compressed
                raise UnsafeFileError(f"{WEIGHTS}: '{name}' may expand when it is read")
            if entry.external or entry.is_virtual:
                raise UnsafeFileError(f"{WEIGHTS}: '{name}' lies in another file")
            yield entry
