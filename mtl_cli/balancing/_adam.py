"""Adam for the values that a balancing method trains, one for each of T tasks."""

import numpy as np

from mtl_cli.balancing.base import Array, Observation, State
from mtl_cli.core.tensors import Tensor


def initial_adam_state(values: Array) -> dict[str, Array]:
    """Returns the state before the first step of `take_adam_step`, (T,) each.

    `num_steps` differs between tasks, because a task without rows in the batch takes no
    step.
    """
    zeros = np.zeros_like(values)
    return {"values": values, "mean": zeros, "mean_square": zeros, "num_steps": zeros}


def take_adam_step(
    state: State, gradient: Tensor, learning_rate: float, observation: Observation
) -> State:
    """Returns a state whose values have changed by one step of Adam.

    `gradient` is the gradient with respect to `values`, (T,). Entries of a method's
    state that `initial_adam_state` does not make are returned unchanged.
    """
    import tensorflow as tf

    from mtl_cli.layers.adam_step import adam_step

    num_steps = state["num_steps"] + 1
    change, mean, mean_square = adam_step(
        gradient,
        m=state["mean"],
        v=state["mean_square"],
        t=num_steps,
        rate=learning_rate,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
    )
    trained = {
        "values": state["values"] + change,
        "mean": mean,
        "mean_square": mean_square,
        "num_steps": num_steps,
    }
    return state | {
        name: tf.where(observation.has_rows, trained[name], state[name])
        for name in trained
    }
