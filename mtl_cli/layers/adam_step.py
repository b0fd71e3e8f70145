"""Adam's equations, for the rows of large tables and for balancing methods."""

import tensorflow as tf

from mtl_cli.core.tensors import Tensor


def adam_step(
    gradient: Tensor,
    m: Tensor,
    v: Tensor,
    t: Tensor,
    rate: Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the change of some values in one step of Adam, and the new m and v.

    The tensors have the shape of the values, or can be broadcast to it. The class
    `optimizers.adam.Adam` has the equations.

    Args:
        gradient: the gradient of the values.
        m: the running mean of the gradient before the step.
        v: the running mean of the squared gradient before the step.
        t: the number of the step, counted from 1, as float32.
        rate: the learning rate of the step.
        beta_1: weight of the earlier steps in m.
        beta_2: weight of the earlier steps in v.
        epsilon: constant added to the square root of v.

    Returns: the change to add to the values, the new m and the new v.
    """
    m += (gradient - m) * (1 - beta_1)
    v += (tf.square(gradient) - v) * (1 - beta_2)
    # m and v start at 0, so they are too small in the first steps. The corrected
    # learning rate makes up for this.
    corrected_rate = rate * (tf.sqrt(1 - beta_2**t) / (1 - beta_1**t))
    return -corrected_rate * m / (tf.sqrt(v) + epsilon), m, v
