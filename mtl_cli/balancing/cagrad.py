"""The balancing method `cagrad`: near the mean gradient, but good for every task."""

from mtl_cli.balancing.base import (
    Balancing,
    Observation,
    State,
    lowest_on_simplex,
    root,
)
from mtl_cli.core.options import Share
from mtl_cli.core.tensors import Tensor


class CAGrad(Balancing):
    """Conflict-averse gradient descent: helps the task that the step helps least.

    g_0 is the mean of the gradients g_t. Among the directions d with
    `||d - g_0|| <= c ||g_0||`, the method takes the one with the largest
    `min_t g_t . d`. It is

        g_alpha = sum_t alpha_t g_t,   alpha_t >= 0,  sum_t alpha_t = 1
        alpha minimises  g_alpha . g_0 + c ||g_0|| ||g_alpha||
        d   = g_0 + c ||g_0|| / ||g_alpha|| g_alpha
        step: T d / (1 + c^2)

    A gradient g is that of all shared entries of all weights together. Tasks without
    rows in a batch take no part, and T is then the number of the others. With c = 0 the
    step is that of `fixed`.

    Attributes:
        radius: c, the largest distance from the mean gradient, as a fraction of its
            norm, below 1.

    Reference: Liu et al., "Conflict-Averse Gradient Descent for Multi-Task Learning",
        NeurIPS 2021, algorithm 1. The scale of the step, T / (1 + c^2), is that of the
        authors' code.
    """

    reads_gradients = True

    radius: Share

    def factors(self, state: State, observation: Observation) -> Tensor:
        import tensorflow as tf

        products = observation.total_products
        has_gradient = tf.linalg.diag_part(products) > 0
        mask = tf.cast(has_gradient, tf.float32)
        count = tf.reduce_sum(mask)
        equal = tf.math.divide_no_nan(mask, count)  # g_0 = sum_t equal_t g_t
        # Scaled gradients have the same alpha. This scale makes them about 1 long.
        scale = tf.linalg.trace(products)
        products = tf.math.divide_no_nan(products * count, scale)
        to_mean = tf.linalg.matvec(products, equal)  # g_t . g_0
        distance = self.radius * root(tf.reduce_sum(equal * to_mean))
        alpha = lowest_on_simplex(to_mean, products, distance, has_gradient)
        to_alpha = tf.linalg.matvec(products, alpha)
        length = root(tf.reduce_sum(alpha * to_alpha))  # ||g_alpha||
        return count * (equal + distance / length * alpha) / (1 + self.radius**2)
