"""Keeps the states of a CMA-ES search as JSON instead of as a pickle.

Optuna keeps the state of its CMA-ES sampler as a pickle in the search's database. A
pickle can run any code when it is loaded. The database may come from someone else, as
a file in the sweep's folder. Therefore the state is written as JSON, which runs no
code, and a new state is made from the checked numbers in the JSON text.
"""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError, first_line

# The largest number of tries to draw a feasible point, per dimension; Optuna takes 10.
MAX_RESAMPLING = 100
# The fix in messages about the contents of a database.
NEW_DATABASE = (
    "use a new database: change hydra.sweeper.storage, or hydra.sweep.dir if the "
    "database is in that folder"
)


def replace_pickle() -> None:
    """Makes Optuna's CMA-ES sampler use `load_state` and `dump_state`.

    Optuna has no option for another format. So the name `pickle` in the private module
    of the sampler is replaced, for the whole process.
    """
    import optuna.samplers._cmaes as cmaes_sampler

    cmaes_sampler.pickle = SimpleNamespace(dumps=dump_state, loads=load_state)


def dump_state(state: Any) -> bytes:
    """Returns a `cmaes.CMA` or `cmaes.SepCMA` as JSON: the class name and the numbers.

    `_funhist_values` is a ring buffer with two values per generation. The entries of
    generations that have not run yet are memory that was never cleared, and such memory
    could hold a part of a secret. These entries are set to 0.
    """
    if state.generation < state._funhist_term:
        state._funhist_values[:2] = 0
        state._funhist_values[2 * state.generation + 2 :] = 0
    values = {
        key: value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for key, value in state.__getstate__().items()
    }
    return json.dumps([type(state).__name__, values]).encode()


def load_state(text: bytes) -> Any:
    """Reads what `dump_state` has written. Anything else is a `ConfigError`."""
    try:
        name, values = json.loads(text)
        return optimizer(name, values)
    except (*DAMAGED_FILE_ERRORS, AssertionError) as error:
        raise ConfigError(
            "hydra.sweeper.storage: this database holds no state of a search "
            f"({type(error).__name__}: {first_line(error)}); {NEW_DATABASE}"
        ) from None


def optimizer(name: str, values: dict[str, Any]) -> Any:
    """Makes a `cmaes.CMA` or `cmaes.SepCMA` from the numbers of its state.

    Each value must have the shape that it has in a new state for as many parameters and
    points.
    """
    import cmaes

    algorithm = {"CMA": cmaes.CMA, "SepCMA": cmaes.SepCMA}[name]
    dimensions = len(values["_mean"])
    points = int(values["_popsize"])
    # A short text could otherwise ask for huge arrays.
    if not 0 < points <= 2 * len(values["_weights"]):
        raise ValueError(f"_popsize is {points}")
    new = algorithm(mean=np.zeros(dimensions), sigma=1.0, population_size=points)
    shapes = {key: np.shape(value) for key, value in new.__getstate__().items()}
    if values.keys() != shapes.keys():
        raise ValueError("the state holds unknown values, or lacks some")
    may_be_none = {
        "_bounds": (dimensions, 2),
        "_B": (dimensions, dimensions),
        "_D": (dimensions,),
    }
    state: dict[str, Any] = {}
    for key, value in values.items():
        numbers = np.array(value)
        state[key] = numbers if numbers.ndim else value
        if value is None and key in may_be_none:
            continue
        if numbers.dtype.kind not in "bif":  # boolean, integer, float
            raise ValueError(f"{key} holds {numbers.dtype}")
        if numbers.shape != may_be_none.get(key, shapes[key]):
            raise ValueError(f"{key} has the shape {numbers.shape}")
    if not 0 <= state["_n_max_resampling"] <= MAX_RESAMPLING * dimensions:
        raise ValueError(f"_n_max_resampling is {state['_n_max_resampling']}")
    if state["_funhist_term"] != new._funhist_term or not state["_g"] >= 0:
        raise ValueError("the numbers of generations are wrong")
    new.__setstate__(state)
    return new
