"""The balancing method `metabalance`: one target task, and others that may help it."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from mtl_cli.balancing.base import Array, Balancing, Observation, State
from mtl_cli.core.errors import unknown_name
from mtl_cli.core.options import Share
from mtl_cli.core.tensors import Tensor

SMALL = 1e-12


class MetaBalance(Balancing):
    """Brings the gradients of auxiliary tasks near the norm of the target task's.

    For each weight of the network, and each task t:

        m_t += (1 - beta) (||g_t|| - m_t)
        a_t  = relax m_target / m_t + (1 - relax)

    a_t is 1 for the target task. With `strategy: reduce`, a_t is also 1 if m_t is the
    smaller norm, and with `enlarge` if it is the larger one. g_t holds the shared
    entries of one weight, so each weight has norms and factors of its own. All
    embedding tables of one vector length are one weight.

    Attributes:
        target_task: the task that matters; null is the first task.
        strategy: which gradients to scale: `reduce` the larger ones, `enlarge` the
            smaller ones, or `both`.
        relax: how near the norms are brought: from 0, unchanged, to 1, equal.
        beta: weight of the earlier steps in the running mean m.

    Reference: He et al., "MetaBalance: Improving Multi-Task Recommendations via
        Adapting Gradient Magnitudes of Auxiliary Tasks", WWW 2022, algorithm 1. The
        strategies are its A, B and C.
    """

    reads_gradients = True

    target_task: str | None
    strategy: Literal["reduce", "enlarge", "both"]
    relax: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    beta: Share

    def check(self, tasks: Sequence[str]) -> None:
        if self.target_task is not None and self.target_task not in tasks:
            message = unknown_name("task", self.target_task, "this run", list(tasks))
            raise ValueError(f"balancing.target_task: {message}")

    def start(self, num_tasks: int, num_weights: int) -> dict[str, Array]:
        import numpy as np

        return {"norms": np.zeros((num_weights, num_tasks), "float32")}

    def next_state(self, state: State, observation: Observation) -> State:
        import tensorflow as tf

        norms = tf.sqrt(tf.linalg.diag_part(observation.products))  # (P, T)
        change = (1 - self.beta) * (norms - state["norms"])
        return {"norms": tf.where(norms > 0, state["norms"] + change, state["norms"])}

    def factors(self, state: State, observation: Observation) -> Tensor:
        import tensorflow as tf

        target = 0
        if self.target_task is not None:
            target = list(observation.tasks).index(self.target_task)
        norms = state["norms"]  # m_t
        norm_of_target = norms[:, target, None]
        ratio = norm_of_target / tf.maximum(norms, SMALL)
        is_scaled = (norms > 0) & (norm_of_target > 0)
        if self.strategy == "reduce":
            is_scaled &= ratio < 1
        if self.strategy == "enlarge":
            is_scaled &= ratio > 1
        return tf.where(is_scaled, self.relax * ratio + (1 - self.relax), 1.0)
