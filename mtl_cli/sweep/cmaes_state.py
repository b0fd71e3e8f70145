"""Reads and writes the states of a CMA-ES search that Optuna keeps as pickles.

Optuna keeps the state of its CMA-ES sampler as a pickle in the search's database. A
pickle can run any code when it is loaded, and the database may come from someone else:
it may be a file in the sweep's folder. NumPy's own pickles are not safe either: a
forged type of an array makes NumPy take numbers of the file for addresses in memory.
Therefore no class of a pickle is used. The pickle is read into `Stored` objects, and
the state is made anew from their numbers.
"""

import io
import math
import pickle
import pickletools
from types import SimpleNamespace
from typing import Any

import numpy as np

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError, first_line

# The types of numbers that a state holds.
NUMBER_TYPES = ("f8", "i8", "b1")
# The largest number of tries to draw a feasible point, per dimension; Optuna takes 10.
MAX_RESAMPLING = 100
# The fix in messages about the contents of a database.
NEW_DATABASE = (
    "use a new database: change hydra.sweeper.storage, or hydra.sweep.dir if the "
    "database is in that folder"
)


class Stored:
    """An object in a pickle, as it is stored.

    Attributes:
        arguments: the arguments of the call that would make the object.
        state: the state that the object would get after the call.
    """

    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


class StoredCMA(Stored):
    """A state of the algorithm CMA-ES."""


class StoredSepCMA(Stored):
    """A state of the separable CMA-ES."""


class StoredType(Stored):
    """A type of numbers."""


class StoredScalar(Stored):
    """A number of NumPy."""


class StoredArray(Stored):
    """An array."""


# The classes and functions that occur in a state of Optuna 2 with NumPy 2.
STORED_CLASSES: dict[tuple[str, str], type[Stored]] = {
    ("cmaes._cma", "CMA"): StoredCMA,
    ("cmaes._sepcma", "SepCMA"): StoredSepCMA,
    ("numpy", "dtype"): StoredType,
    ("numpy", "ndarray"): StoredArray,
    ("numpy._core.multiarray", "_reconstruct"): StoredArray,
    ("numpy._core.multiarray", "scalar"): StoredScalar,
}


class StateUnpickler(pickle.Unpickler):
    """Reads a pickle of the classes in `STORED_CLASSES`, and refuses all others."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in STORED_CLASSES:
            raise ConfigError(
                "hydra.sweeper.storage: the state of the search in this database holds "
                f"{module}.{name}, which Optuna does not write and which could run "
                f"code; {NEW_DATABASE}"
            )
        return STORED_CLASSES[module, name]


def load_state(pickled_state: bytes) -> Any:
    """Reads the state of a search: a `cmaes.CMA` or `cmaes.SepCMA`.

    Raises:
        ConfigError: if the pickle holds something else.
    """
    try:
        check_indices(pickled_state)
        stored = StateUnpickler(io.BytesIO(pickled_state)).load()
        return optimizer(stored)
    except (*DAMAGED_FILE_ERRORS, AssertionError, pickle.UnpicklingError) as error:
        raise ConfigError(
            "hydra.sweeper.storage: this database holds no state of a search "
            f"({type(error).__name__}: {first_line(error)}); {NEW_DATABASE}"
        ) from None


def check_indices(pickled_state: bytes) -> None:
    """Checks that a pickle does not number more objects than it can hold.

    Python makes a list with a place for each number. A pickle of ten bytes could fill
    the memory with this list.

    Raises:
        ValueError: if the pickle numbers too many objects, or is damaged.
    """
    for opcode, argument, _ in pickletools.genops(pickled_state):
        if "PUT" in opcode.name and int(argument or 0) > len(pickled_state):
            raise ValueError(f"an object with the number {argument}")


def dump_state(state: Any) -> bytes:
    """Returns the pickle of a `cmaes.CMA` or `cmaes.SepCMA`.

    The state holds two values of each generation, in a ring. The values of generations
    to come are memory that was not cleared, so they could be a part of a secret.
    """
    if state.generation < state._funhist_term:
        state._funhist_values[:2] = 0
        state._funhist_values[2 * state.generation + 2 :] = 0
    return pickle.dumps(state)


def optimizer(stored: Any) -> Any:
    """Makes a `cmaes.CMA` or `cmaes.SepCMA` from a stored state.

    Raises:
        ValueError: if the state lacks a value, or a value does not have the shape that
            it has in a new state for as many parameters and points.
    """
    import cmaes

    if not isinstance(stored, StoredCMA | StoredSepCMA):
        raise ValueError(f"a {type(stored).__name__} in place of a state")
    values = {str(key): plain(value) for key, value in stored.state.items()}
    dimensions, points = len(values["_mean"]), int(values["_popsize"])
    if not 0 < points <= 2 * len(values["_weights"]):
        raise ValueError(f"_popsize is {points}")
    algorithm = cmaes.CMA if isinstance(stored, StoredCMA) else cmaes.SepCMA
    new = algorithm(mean=np.zeros(dimensions), sigma=1.0, population_size=points)
    shapes = {key: np.shape(value) for key, value in new.__getstate__().items()}
    may_be_none = {
        "_bounds": (dimensions, 2),
        "_B": (dimensions, dimensions),
        "_D": (dimensions,),
    }
    for key, shape in shapes.items():
        is_none = key in may_be_none and values[key] is None
        if not is_none and np.shape(values[key]) != may_be_none.get(key, shape):
            raise ValueError(f"{key} has the shape {np.shape(values[key])}")
    if values.keys() != shapes.keys():
        raise ValueError("the state holds unknown values")
    if not 0 <= values["_n_max_resampling"] <= MAX_RESAMPLING * dimensions:
        raise ValueError(f"_n_max_resampling is {values['_n_max_resampling']}")
    if values["_funhist_term"] != new._funhist_term or not values["_g"] >= 0:
        raise ValueError("the numbers of generations are wrong")
    new.__setstate__(values)
    return new


def plain(value: Any) -> Any:
    """Returns a number, an array or None from a stored value.

    Raises:
        ValueError: if the value is something else.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, StoredScalar):
        return numbers(*value.arguments)[0]
    if isinstance(value, StoredArray):
        _, shape, number_type, is_fortran, data = value.state
        order = "F" if is_fortran else "C"
        flat = numbers(number_type, data)
        if math.prod(shape) != len(flat):
            raise ValueError(f"an array of shape {shape} has {len(flat)} numbers")
        return flat.reshape(shape, order=order)
    raise ValueError(f"a {type(value).__name__} in place of a number")


def numbers(number_type: Any, data: Any) -> Any:
    """Returns the numbers in bytes as an array.

    Args:
        number_type: the `StoredType` of the numbers.
        data: the bytes.
    """
    (name, *_) = number_type.arguments
    if name not in NUMBER_TYPES or not isinstance(data, bytes):
        raise ValueError(f"an array of the type {name!r}")
    byte_order = str(number_type.state[1]).replace("|", "<")
    return np.frombuffer(data, np.dtype(name).newbyteorder(byte_order)).astype(name)


def restrict_pickles() -> None:
    """Makes Optuna's CMA-ES sampler use `load_state` and `dump_state`.

    Optuna has no option for this. So the name `pickle` in the private module of the
    sampler is replaced, for the whole process.
    """
    import optuna.samplers._cmaes as cmaes_sampler

    cmaes_sampler.pickle = SimpleNamespace(dumps=dump_state, loads=load_state)
