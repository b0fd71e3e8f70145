"""Adam for the values that a balancing method trains, one value per task.

Letters in shapes: T is the number of tasks.
"""

import numpy as np

from mtl_cli.balancing.base import Array, Observation, State
from mtl_cli.core.tensors import Tensor


def initial_adam_state(values: Array) -> dict[str, Array]:
    """Returns the state before the first step of `take_adam_step`.

    `values` are the initial values, one per task, (T,). Besides the values, the state
    holds Adam's running means of the gradient and of the squared gradient, and the
    number of Adam's steps. Tasks take different numbers of steps, because a task
    without rows in the batch takes none. So `num_steps` has one entry per task, (T,).
    """
    zeros = np.zeros_like(values)
    return {"values": values, "mean": zeros, "mean_square": zeros, "num_steps": zeros}


def take_adam_step(
    state: State, gradient: Tensor, learning_rate: float, observation: Observation
) -> State:
    """Returns a state whose values have changed by one step of Adam.

    A task without rows in the batch takes no step: its value, its running means and its
    number of steps stay as they are.

    Args:
        state: the entries of `initial_adam_state`. Other entries of a method's state
            are returned unchanged.
        gradient: the gradient with respect to `values`, (T,).
        learning_rate: the learning rate of Adam.
        observation: the facts about the step; only `has_rows` is read.
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
