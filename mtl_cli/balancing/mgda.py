"""The balancing method `mgda`: a step that lowers all losses, if one exists."""

from mtl_cli.balancing._simplex import minimum_on_simplex
from mtl_cli.balancing.base import Balancing, Observation, State
from mtl_cli.core.tensors import Tensor


class MGDA(Balancing):
    """Multiple-gradient descent: takes the shortest weighted mean of the gradients.

        alpha minimises  || sum_t alpha_t g_t ||,   alpha_t >= 0,  sum_t alpha_t = 1
        a_t = T alpha_t

    g_t is the gradient of task t in all shared entries of all variables, see
    `Balancing`. To first order, a small step against the shortest mean raises no loss.
    `minimum_on_simplex` finds alpha, for more than two tasks approximately. T is the
    number of tasks whose g_t is not 0; other tasks do not take part.

    Reference: Sener and Koltun, "Multi-Task Learning as Multi-Objective Optimization",
        NeurIPS 2018, equation 3.
        Differs from the paper in: alpha has the factor T. If all tasks have the same
        gradient, this factor makes the step as long as with the method `fixed`.
    """

    reads_gradients = True

    def gradient_factors(self, state: State, observation: Observation) -> Tensor:
        import tensorflow as tf

        products = observation.total_products
        has_gradient = tf.linalg.diag_part(products) > 0
        num_tasks = tf.reduce_sum(tf.cast(has_gradient, tf.float32))  # T
        no_linear_term = tf.zeros(len(observation.tasks))
        alpha = minimum_on_simplex(no_linear_term, products, 1.0, has_gradient)
        return num_tasks * alpha
