"""The balancing method `cagrad`: near the mean gradient, but good for every task."""

from mtl_cli.balancing._simplex import minimum_on_simplex, positive_norm
from mtl_cli.balancing.base import Balancing, Observation, State
from mtl_cli.core.options import FractionBelowOne
from mtl_cli.core.tensors import Tensor


class CAGrad(Balancing):
    """Conflict-averse gradient descent: helps the task that the step helps least.

    g_t is the gradient of task t in all shared entries (see `Balancing`), and g_0 the
    mean of the tasks' gradients. Of all d with `||d - g_0|| <= c ||g_0||`, the method
    takes the direction with the largest `min_t g_t . d`:

        g_alpha = sum_t alpha_t g_t,   alpha_t >= 0,  sum_t alpha_t = 1
        alpha minimises  g_alpha . g_0 + c ||g_0|| ||g_alpha||
        d    = g_0 + c ||g_0|| / ||g_alpha|| g_alpha
        step = T d / (1 + c^2)

    T is the number of tasks whose g_t is not 0; other tasks do not take part. With c =
    0, the step is the same as with the method `fixed`.

    Attributes:
        radius: c, the largest distance of d from the mean gradient, as a fraction of
            the norm of the mean gradient; below 1.

    Reference: Liu et al., "Conflict-Averse Gradient Descent for Multi-Task Learning",
        NeurIPS 2021, algorithm 1; the factor T / (1 + c^2) is from the authors' code.
    """

    reads_gradients = True

    radius: FractionBelowOne

    def gradient_factors(self, state: State, observation: Observation) -> Tensor:
        import tensorflow as tf

        products = observation.total_products
        has_gradient = tf.linalg.diag_part(products) > 0
        mask = tf.cast(has_gradient, tf.float32)
        num_tasks = tf.reduce_sum(mask)  # T
        equal_shares = tf.math.divide_no_nan(mask, num_tasks)  # of g_0
        # Scaling all gradients does not change alpha. With this scale, the mean of
        # ||g_t||^2 is 1, far above the lower limit of `positive_norm`.
        scale = tf.linalg.trace(products)
        products = tf.math.divide_no_nan(products * num_tasks, scale)
        dots = tf.linalg.matvec(products, equal_shares)  # g_t . g_0
        mean_norm = positive_norm(tf.reduce_sum(equal_shares * dots))  # ||g_0||
        distance = self.radius * mean_norm  # c ||g_0||
        alpha = minimum_on_simplex(dots, products, distance, has_gradient)
        alpha_dots = tf.linalg.matvec(products, alpha)  # g_t . g_alpha
        norm = positive_norm(tf.reduce_sum(alpha * alpha_dots))  # ||g_alpha||
        shares = equal_shares + distance / norm * alpha  # d = sum_t shares_t g_t
        return num_tasks * shares / (1 + self.radius**2)
