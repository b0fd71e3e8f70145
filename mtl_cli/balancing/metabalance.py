"""The balancing method `metabalance`: auxiliary tasks should help one target task."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from mtl_cli.balancing.base import Array, Balancing, Observation, State
from mtl_cli.core.message_text import unknown_name_message
from mtl_cli.core.options import FractionBelowOne
from mtl_cli.core.tensors import Tensor


class MetaBalance(Balancing):
    """Scales the gradient of each task to about the norm of the target task's gradient.

    Let g_t be the gradient of task t with respect to the shared entries of one variable
    of the network, see `Balancing`. The method multiplies g_t by a_t:

        m_t += (1 - beta) (||g_t|| - m_t)             if ||g_t|| > 0
        n_t  = m_t / (1 - beta^k)
        a_t  = relax * (n_target / n_t) + (1 - relax)

    m_t is the running mean of the norm of g_t and starts at 0. k is the number of steps
    so far with ||g_t|| > 0. If n_t or n_target is 0, a_t is 1. With `strategy: reduce`,
    a_t is also 1 if n_t < n_target, and with `strategy: enlarge`, if n_t > n_target.

    Attributes:
        target_task: the task that matters; null is the first task.
        strategy: the gradients to scale: the larger ones (`reduce`), the smaller ones
            (`enlarge`), or all (`both`).
        relax: 0 leaves the gradients unchanged; 1 gives them about the norm of the
            target task's gradient.
        beta: weight of the earlier steps in the running mean m_t.

    Reference: He et al., "MetaBalance: Improving Multi-Task Recommendations via
        Adapting Gradient Magnitudes of Auxiliary Tasks", WWW 2022, algorithm 1. The
        paper calls the strategies A, B and C.
        Differs from the paper in: embedding tables with vectors of one length share
        m_t; m_t is divided by 1 - beta^k, because not all tasks have a gradient in each
        step.
    """

    reads_gradients = True

    target_task: str | None
    strategy: Literal["reduce", "enlarge", "both"]
    relax: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    beta: FractionBelowOne

    def check(self, tasks: Sequence[str]) -> None:
        if self.target_task is not None and self.target_task not in tasks:
            message = unknown_name_message(
                "task", self.target_task, "this run", list(tasks)
            )
            raise ValueError(f"balancing.target_task: {message}")

    def initial_state(self, num_tasks: int, num_variables: int) -> dict[str, Array]:
        zeros = np.zeros((num_variables, num_tasks), "float32")
        return {"norm_means": zeros, "num_steps": zeros}  # m_t and k of each variable

    def next_state(self, state: State, observation: Observation) -> State:
        import tensorflow as tf

        norms = tf.sqrt(tf.linalg.diag_part(observation.products))  # (P, T)
        means = state["norm_means"]
        updated = means + (1 - self.beta) * (norms - means)
        return {
            "norm_means": tf.where(norms > 0, updated, means),
            "num_steps": state["num_steps"] + tf.cast(norms > 0, tf.float32),
        }

    def gradient_factors(self, state: State, observation: Observation) -> Tensor:
        import tensorflow as tf

        tasks = list(observation.tasks)
        target_index = tasks.index(self.target_task or tasks[0])
        divisor = 1 - self.beta ** state["num_steps"]
        n = tf.math.divide_no_nan(state["norm_means"], divisor)  # n_t, (P, T)
        n_target = n[:, target_index, None]  # (P, 1)
        ratio = tf.math.divide_no_nan(n_target, n)  # (P, T)
        is_scaled = ratio > 0
        if self.strategy == "reduce":
            is_scaled &= ratio < 1
        elif self.strategy == "enlarge":
            is_scaled &= ratio > 1
        return tf.where(is_scaled, self.relax * ratio + (1 - self.relax), 1.0)
