"""Keeps the states of a CMA-ES search in memory instead of in the search's database.

Optuna keeps the states of its CMA-ES sampler as pickles in the database. A pickle can
run any code when it is loaded, and the database may come from someone else. So the
database gets a random token instead of a state. A resumed sweep begins with a new
optimizer, to which Optuna passes the completed trials.
"""

import copy
import os
from types import SimpleNamespace
from typing import Any

# {token: state} of this process's search, the newest state last
states_by_token: dict[bytes, Any] = {}


def replace_pickle() -> None:
    """Replaces `pickle` in the module of Optuna's CMA-ES sampler."""
    import optuna.samplers._cmaes as cmaes_sampler

    cmaes_sampler.pickle = SimpleNamespace(dumps=keep_state, loads=kept_state)


def keep_state(state: Any) -> bytes:
    """Keeps a copy of a `cmaes.CMA` or `cmaes.SepCMA`; returns the token for it."""
    token = os.urandom(8)
    states_by_token[token] = copy.deepcopy(state)
    return token


def kept_state(token: bytes) -> Any:
    """Returns a copy of the newest state; None, without states, makes a new optimizer.

    If the token's own state has another population size, the search was restarted with
    that size. The result is then a copy of the token's own state.
    """
    if not states_by_token:
        return None
    newest = list(states_by_token.values())[-1]
    state = states_by_token.get(token, newest)
    if state.population_size == newest.population_size:
        state = newest
    return copy.deepcopy(state)
