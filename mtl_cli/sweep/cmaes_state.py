"""Reads the state of a CMA-ES search from its database, without executing code.

Optuna keeps the state of its CMA-ES sampler as a pickle in the database. The database
may lie in a sweep's folder that comes from someone else.
"""

import io
import pickle
from types import SimpleNamespace
from typing import Any

from mtl_cli.core.errors import ConfigError

# The classes and functions that a state consists of. None of them executes code.
ALLOWED = {
    ("cmaes._cma", "CMA"),
    ("cmaes._sepcma", "SepCMA"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
}


class StateReader(pickle.Unpickler):
    """Builds the objects of a state, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise ConfigError(
                f"hydra.sweeper.storage: the search's state holds {module}.{name}, "
                "which no search writes; name a new sweep folder in hydra.sweep.dir"
            )
        return super().find_class(module, name)


def loads(state: bytes) -> Any:
    """Returns the pickled state of a search.

    Raises:
        ConfigError: if it holds anything else than such a state.
    """
    return StateReader(io.BytesIO(state)).load()


def read_safely() -> None:
    """Makes Optuna read the states of CMA-ES searches with `loads`."""
    import optuna.samplers._cmaes as sampler

    sampler.pickle = SimpleNamespace(dumps=pickle.dumps, loads=loads)
