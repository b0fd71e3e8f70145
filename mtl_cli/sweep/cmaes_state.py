"""Keeps the states of a CMA-ES search in memory instead of in the search's database.

Optuna keeps the states of its CMA-ES sampler as pickles in the database. A pickle can
run any code when it is loaded, and the database may come from someone else, as a file
in the sweep's folder. Therefore the database gets a random token instead of a state,
and nothing is made from what the database holds.

A sweep that goes on after a restart, or that shares its database with other sweeps,
begins with a new optimizer. With each trial, Optuna tells the optimizer the completed
trials of one more generation, until it has heard of all of them.
"""

import copy
import os
from types import SimpleNamespace
from typing import Any

# The states of this process's search, the newest last. The keys are the tokens.
own_states: dict[bytes, Any] = {}


def replace_pickle() -> None:
    """Makes Optuna's CMA-ES sampler use `keep_state` and `kept_state`.

    Optuna has no option for this. So the name `pickle` in the private module of the
    sampler is replaced, for the whole process.
    """
    import optuna.samplers._cmaes as cmaes_sampler

    cmaes_sampler.pickle = SimpleNamespace(dumps=keep_state, loads=kept_state)


def keep_state(state: Any) -> bytes:
    """Keeps a copy of a `cmaes.CMA` or `cmaes.SepCMA`; returns the token for it."""
    token = os.urandom(8)
    own_states[token] = copy.deepcopy(state)
    return token


def kept_state(token: bytes) -> Any:
    """Returns a copy of the newest state, or None if this process has no state.

    With None, Optuna makes a new optimizer. If the state of the token has another size
    of population, the search was restarted with that size: then it returns a copy of
    that state.
    """
    if not own_states:
        return None
    newest = next(reversed(own_states.values()))
    state = own_states.get(token, newest)
    has_same_size = state.population_size == newest.population_size
    return copy.deepcopy(newest if has_same_size else state)
