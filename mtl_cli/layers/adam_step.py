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
    """Returns the change of some values in step t of Adam, and the new m and v.

    The class `optimizers.adam.Adam` has the equations. t is float32, from 1. The
    tensors have the shape of the values, or can be broadcast to it.
    """
    m += (gradient - m) * (1 - beta_1)
    v += (tf.square(gradient) - v) * (1 - beta_2)
    corrected_rate = rate * (tf.sqrt(1 - beta_2**t) / (1 - beta_1**t))
    return -corrected_rate * m / (tf.sqrt(v) + epsilon), m, v
