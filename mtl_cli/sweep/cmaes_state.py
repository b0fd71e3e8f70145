"""Restricts the pickles that Optuna loads as the state of a CMA-ES search.

Optuna keeps the state of its CMA-ES sampler as a pickle in the search's database. A
pickle can run any code when it is loaded, and the database may come from someone else:
it may be a file in the sweep's folder. So only the classes of such a state are loaded.
"""

import io
import pickle
from types import SimpleNamespace
from typing import Any

from mtl_cli.core.errors import ConfigError

# The classes and functions that occur in a state of Optuna 2 with NumPy 2. None of them
# can run other code, whatever arguments a pickle gives them.
ALLOWED_GLOBALS = {
    ("cmaes._cma", "CMA"),
    ("cmaes._sepcma", "SepCMA"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
}

# The fix in messages about the contents of a database.
NEW_DATABASE = (
    "use a new database: change hydra.sweeper.storage, or hydra.sweep.dir if the "
    "database is in that folder"
)


class StateUnpickler(pickle.Unpickler):
    """Unpickles objects of the classes in `ALLOWED_GLOBALS`, and refuses all others."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED_GLOBALS:
            raise ConfigError(
                "hydra.sweeper.storage: the state of the search in this database holds "
                f"{module}.{name}, which Optuna does not write and which could run "
                f"code; {NEW_DATABASE}"
            )
        return super().find_class(module, name)


def load_state(pickled_state: bytes) -> Any:
    """Unpickles the state of a search.

    Raises:
        ConfigError: if the pickle holds a class or function that is not allowed.
    """
    return StateUnpickler(io.BytesIO(pickled_state)).load()


def restrict_unpickling() -> None:
    """Makes Optuna's CMA-ES sampler load its states with `load_state`.

    Optuna has no option for this. So the name `pickle` in the private module of the
    sampler is replaced, for the whole process.
    """
    import optuna.samplers._cmaes as cmaes_sampler

    cmaes_sampler.pickle = SimpleNamespace(dumps=pickle.dumps, loads=load_state)
