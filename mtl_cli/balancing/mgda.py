"""The balancing method `mgda`: a step that lowers all losses, if there is one."""

from mtl_cli.balancing.base import Balancing, Observation, State, lowest_on_simplex
from mtl_cli.core.tensors import Tensor


class MGDA(Balancing):
    """Multiple-gradient descent: takes the shortest weighted mean of the gradients.

        alpha minimises  || sum_t alpha_t g_t ||^2,   alpha_t >= 0,  sum_t alpha_t = 1
        a_t = T alpha_t

    No loss rises along this direction, to first order. A gradient g is that of all
    shared entries of all weights together. Tasks without rows in a batch take no part,
    and T is then the number of the others.

    The factor T makes the step as long as that of `fixed` if all tasks are alike.

    Reference: Sener and Koltun, "Multi-Task Learning as Multi-Objective Optimization",
        NeurIPS 2018, equation 3.
        Differs from the paper in: the factor T.
    """

    reads_gradients = True

    def factors(self, state: State, observation: Observation) -> Tensor:
        import tensorflow as tf

        products = observation.total_products
        has_gradient = tf.linalg.diag_part(products) > 0
        count = tf.reduce_sum(tf.cast(has_gradient, tf.float32))
        no_linear_term = tf.zeros(len(observation.tasks))
        return count * lowest_on_simplex(no_linear_term, products, 1.0, has_gradient)
