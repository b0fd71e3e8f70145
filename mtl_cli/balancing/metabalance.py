"""The balancing method `metabalance`: one target task, and others that may help it."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from mtl_cli.balancing.base import Array, Balancing, Observation, State
from mtl_cli.core.errors import unknown_name
from mtl_cli.core.options import Share
from mtl_cli.core.tensors import Tensor


class MetaBalance(Balancing):
    """Brings the gradients of auxiliary tasks near the norm of the target task's.

    For each weight of the network, and each task t:

        m_t += (1 - beta) (||g_t|| - m_t)
        n_t  = m_t / (1 - beta^k)
        a_t  = relax n_target / n_t + (1 - relax)

    m_t starts at 0, and k is the number of steps so far in which g_t was not 0. a_t is
    1 for the target task. With `strategy: reduce`, a_t is also 1 where n_t < n_target,
    and with `enlarge` where n_t > n_target. g_t holds the shared entries of one weight,
    so each weight has norms and factors of its own.

    Attributes:
        target_task: the task that matters; null is the first task.
        strategy: which gradients to scale: `reduce` the larger ones, `enlarge` the
            smaller ones, or `both`.
        relax: 0 leaves the norms unchanged, 1 makes them equal to the target's.
        beta: weight of the earlier steps in the running mean m.

    Reference: He et al., "MetaBalance: Improving Multi-Task Recommendations via
        Adapting Gradient Magnitudes of Auxiliary Tasks", WWW 2022, algorithm 1. The
        strategies are its A, B and C.
        Differs from the paper in: all embedding tables of one vector length count as
        one weight; the factor 1 / (1 - beta^k), which cancels in the paper, because all
        its tasks have a gradient in each step.
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

        zeros = np.zeros((num_weights, num_tasks), "float32")
        return {"norms": zeros, "num_steps": zeros}

    def next_state(self, state: State, observation: Observation) -> State:
        import tensorflow as tf

        norms = tf.sqrt(tf.linalg.diag_part(observation.products))  # (P, T)
        change = (1 - self.beta) * (norms - state["norms"])
        return {
            "norms": tf.where(norms > 0, state["norms"] + change, state["norms"]),
            "num_steps": state["num_steps"] + tf.cast(norms > 0, tf.float32),
        }

    def factors(self, state: State, observation: Observation) -> Tensor:
        import tensorflow as tf

        target = 0
        if self.target_task is not None:
            target = list(observation.tasks).index(self.target_task)
        norms = tf.math.divide_no_nan(
            state["norms"], 1 - self.beta ** state["num_steps"]
        )  # n_t
        ratio = tf.math.divide_no_nan(norms[:, target, None], norms)
        is_scaled = ratio > 0
        if self.strategy == "reduce":
            is_scaled &= ratio < 1
        if self.strategy == "enlarge":
            is_scaled &= ratio > 1
        return tf.where(is_scaled, self.relax * ratio + (1 - self.relax), 1.0)
