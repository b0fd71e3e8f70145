"""The balancing method `pcgrad`: gradients without the parts that harm other tasks."""

from mtl_cli.balancing.base import Balancing, Observation, State
from mtl_cli.core.tensors import Tensor


class PCGrad(Balancing):
    """Projecting conflicting gradients: no gradient points against another task.

    g_t is the gradient of task t in all shared entries of all variables, see
    `Balancing`. For each task t, the method starts with g_t' = g_t. For all other tasks
    s, in random order:

        if g_t' . g_s < 0:   g_t' -= (g_t' . g_s / ||g_s||^2) g_s

    The step is `sum_t g_t'`.

    Reference: Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020,
        algorithm 1.
    """

    reads_gradients = True

    def gradient_factors(self, state: State, observation: Observation) -> Tensor:
        import tensorflow as tf

        num_tasks = len(observation.tasks)
        products = observation.total_products
        shape = (num_tasks, num_tasks)
        draws = tf.random.stateless_uniform(shape, tf.cast(observation.seed, tf.int32))
        order = tf.argsort(draws)  # (T, T): the order of the tasks s for each task t
        # g_t' = sum_s coefficients[t, s] g_s
        coefficients = tf.eye(num_tasks)
        for turn in range(num_tasks):
            # The task s that comes next for each task t, (T,). s may be t itself.
            s = order[:, turn]
            # g_t' . g_s
            dots = tf.reduce_sum(coefficients * tf.gather(products, s), axis=1)
            squares = tf.gather(tf.linalg.diag_part(products), s)  # ||g_s||^2
            change = tf.math.divide_no_nan(tf.minimum(dots, 0.0), squares)
            is_other = tf.cast(s != tf.range(num_tasks), tf.float32)
            coefficients -= tf.one_hot(s, num_tasks) * (change * is_other)[:, None]
        return tf.reduce_sum(coefficients, axis=0)
