"""Keeps the states of a CMA-ES search as JSON instead of as a pickle.

Optuna keeps the state of its CMA-ES sampler as a pickle in the search's database. A
pickle can run any code when it is loaded. The database may come from someone else, as
a file in the sweep's folder. Therefore the state is written as JSON, because JSON runs
no code. A new state is made from the checked numbers in the JSON text.

cmaes has no public form of a state. So all private attributes of an optimizer, those
that `__getstate__` returns, are written and read, and a few are checked by name:

- `_mean` and `_popsize` decide how large the arrays are; `_weights` limits `_popsize`.
- `_bounds`, `_B` and `_D` are the attributes that may be None.
- `_n_max_resampling` and `_g` could make the search endless or fail.
- `_funhist_values` and `_funhist_term` are a buffer and its length, see
  `written_history`.

Another version of cmaes may have other attributes: then `make_optimizer` refuses the
state.
"""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError, first_line

# The advice in messages about the contents of a database.
NEW_DATABASE = (
    "use a new database: change hydra.sweeper.storage, or hydra.sweep.dir if the "
    "database is in that folder"
)
# A state may allow this many tries per parameter to draw a point within the bounds.
# Optuna allows 10 tries per parameter.
MAX_RESAMPLING = 100


def replace_pickle() -> None:
    """Makes Optuna's CMA-ES sampler use `load_state` and `dump_state`.

    Optuna has no option for another format. So the name `pickle` in the private module
    of the sampler is replaced, for the whole process.
    """
    import optuna.samplers._cmaes as cmaes_sampler

    cmaes_sampler.pickle = SimpleNamespace(dumps=dump_state, loads=load_state)


def dump_state(state: Any) -> bytes:
    """Returns a `cmaes.CMA` or `cmaes.SepCMA` as JSON: class name and numbers."""
    values = state.__getstate__() | {"_funhist_values": written_history(state)}
    json_values = {
        key: value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for key, value in values.items()
    }
    return json.dumps([type(state).__name__, json_values]).encode()


def written_history(state: Any) -> npt.NDArray[np.float64]:
    """Returns a copy of `_funhist_values` with 0 in the entries not written yet.

    `_funhist_values` is a ring buffer with two entries per generation. Generations
    count from 1, and generation g writes the entry 2 (g % _funhist_term) and the next
    entry. Entries that are not written yet are memory that was never cleared, and such
    memory could hold a part of a secret.
    """
    history: npt.NDArray[np.float64] = state._funhist_values.copy()
    if state.generation < state._funhist_term:
        history[:2] = 0
        history[2 * state.generation + 2 :] = 0
    return history


def load_state(text: bytes) -> Any:
    """Reads what `dump_state` has written. Anything else is a `ConfigError`."""
    import cmaes

    try:
        name, values = json.loads(text)
        return make_optimizer(name, values)
    # cmaes checks its arguments by assertions.
    except (*DAMAGED_FILE_ERRORS, AssertionError) as error:
        raise ConfigError(
            "hydra.sweeper.storage: cannot read the state of the CMA-ES search in this "
            "database: the state is damaged, or was not written by mtl-cli with cmaes "
            f"{cmaes.__version__} ({type(error).__name__}: {first_line(error)}); "
            f"{NEW_DATABASE}"
        ) from None


def make_optimizer(name: str, values: dict[str, Any]) -> Any:
    """Makes a `cmaes.CMA` or `cmaes.SepCMA` from the numbers of its state.

    The numbers are compared with a new optimizer that has as many parameters, and draws
    as many points per generation: all arrays must have the same shapes.
    """
    import cmaes

    algorithm = {"CMA": cmaes.CMA, "SepCMA": cmaes.SepCMA}[name]
    num_parameters = len(values["_mean"])
    num_points = int(values["_popsize"])
    # A CMA has one weight per point, a SepCMA has `num_points // 2` weights. Without
    # this check, a large number in a short text could make cmaes allocate huge arrays.
    if not 0 < num_points <= 2 * len(values["_weights"]) + 1:
        raise ValueError(f"_popsize is {num_points}")
    new = algorithm(
        mean=np.zeros(num_parameters), sigma=1.0, population_size=num_points
    )
    new_values = new.__getstate__()
    if differing := values.keys() ^ new_values.keys():
        raise ValueError(f"missing or unknown values: {', '.join(sorted(differing))}")
    # These values are arrays of this shape, or None as in a new optimizer.
    optional_shapes = {
        "_bounds": (num_parameters, 2),
        "_B": (num_parameters, num_parameters),
        "_D": (num_parameters,),
    }
    state: dict[str, Any] = {}
    for key, value in values.items():
        if value is None and key in optional_shapes:
            state[key] = None
            continue
        shape = optional_shapes.get(key, np.shape(new_values[key]))
        numbers = check_value(key, value, shape)
        # A single number does not become an array.
        state[key] = numbers if numbers.ndim else value
    check_limits(state, num_parameters, new._funhist_term)
    new.__setstate__(state)
    return new


def check_limits(state: dict[str, Any], num_parameters: int, history_term: int) -> None:
    """Raises a `ValueError` if a number could make the search endless or fail.

    `history_term` is `_funhist_term` of a new optimizer: the number of generations in
    the ring buffer `_funhist_values`.
    """
    if not 0 <= state["_n_max_resampling"] <= MAX_RESAMPLING * num_parameters:
        raise ValueError(f"_n_max_resampling is {state['_n_max_resampling']}")
    if state["_funhist_term"] != history_term:
        raise ValueError(
            f"_funhist_term is {state['_funhist_term']} instead of {history_term}"
        )
    if not state["_g"] >= 0:  # also true for NaN
        raise ValueError(f"_g, the number of generations, is {state['_g']}")


def check_value(key: str, value: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Returns a value of a state as an array, after checking its type and shape."""
    numbers = np.array(value)
    if numbers.dtype.kind not in "bif":  # boolean, integer, float
        raise ValueError(f"{key} holds {numbers.dtype}")
    if numbers.shape != shape:
        raise ValueError(f"{key} has the shape {numbers.shape} instead of {shape}")
    return numbers
