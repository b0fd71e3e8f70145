"""The balancing method `gradnorm`: gradients of similar norm, so all tasks learn."""

import numpy as np

from mtl_cli.balancing._adam import initial_adam_state, take_adam_step
from mtl_cli.balancing.base import Array, Balancing, Observation, State
from mtl_cli.core.options import NotNegative, Positive
from mtl_cli.core.tensors import Tensor

# Without this limit, a step of Adam could make a weight negative.
MIN_WEIGHT = 1e-3


class GradNorm(Balancing):
    """The weights bring the norms of the tasks' gradients to a common scale.

        G_t = || gradient of omega_t w_t L_t with respect to W ||
        r_t = (L_t / L_t(0)) / mean_s (L_s / L_s(0))
        w_t minimises  | G_t - mean_s(G_s) r_t^alpha |

    L_t is the loss of task t, omega_t the key `weight` of the task, and L_t(0) the loss
    in the first batch with rows of the task. mean_s is the mean over the tasks whose
    gradient is not 0.

    W is the last shared layer: of the embedding tables and the kernels of the encoder
    and the experts, the one that most tasks train, and of several such, the last. Only
    the shared entries of W count (see `Balancing`). If there are none, W is all
    variables.

    w_t starts at 1, and Adam trains w_t. Tasks without rows in the batch keep their
    weights. The weights of all other tasks are scaled after each step, so that the sum
    of all weights stays T, the number of tasks.

    Attributes:
        alpha: strength with which the weights favour a task whose loss has fallen less
            than the losses of other tasks; 0 gives all tasks the same norm.
        learning_rate: the learning rate of w_t.

    Reference: Chen et al., "GradNorm: Gradient Normalization for Adaptive Loss
        Balancing in Deep Multitask Networks", ICML 2018, equations 1 and 2.
        Differs from the paper in: no weight falls below `MIN_WEIGHT` before the weights
        are scaled.
    """

    reads_gradients = True

    alpha: NotNegative
    learning_rate: Positive

    def initial_state(self, num_tasks: int, num_variables: int) -> dict[str, Array]:
        # `values` is w; `first_losses` is L_t(0), or 0 until the task has had rows.
        state = initial_adam_state(np.ones(num_tasks, "float32"))
        return state | {"first_losses": np.zeros(num_tasks, "float32")}

    def loss_weights(self, state: State, num_tasks: int) -> Tensor:
        return state["values"]

    def next_state(self, state: State, observation: Observation) -> State:
        import tensorflow as tf

        is_first = (state["first_losses"] == 0) & observation.has_rows
        first_losses = tf.where(is_first, observation.losses, state["first_losses"])
        state = state | {"first_losses": first_losses}
        weights = state["values"]
        gradient = self._gradient(weights, first_losses, observation)
        state = take_adam_step(state, gradient, self.learning_rate, observation)
        new = tf.maximum(state["values"], MIN_WEIGHT)
        # The tasks with rows keep the sum of their weights.
        mask = tf.cast(observation.has_rows, tf.float32)
        old_sum, new_sum = tf.reduce_sum(weights * mask), tf.reduce_sum(new * mask)
        scaled = tf.math.divide_no_nan(old_sum, new_sum) * new
        return state | {"values": tf.where(observation.has_rows, scaled, weights)}

    def _gradient(
        self, weights: Tensor, first_losses: Tensor, observation: Observation
    ) -> Tensor:
        """Returns d/dw_t of | G_t - mean_s(G_s) r_t^alpha | for each task t, (T,)."""
        import tensorflow as tf

        norms = norms_at_last_shared_layer(observation)  # G_t
        has_gradient = tf.cast(norms > 0, tf.float32)
        ratios = tf.math.divide_no_nan(observation.losses, first_losses) * has_gradient
        rates = tf.math.divide_no_nan(ratios, masked_mean(ratios, has_gradient))  # r_t
        targets = masked_mean(norms, has_gradient) * rates**self.alpha
        # G_t is proportional to w_t, so its derivative is G_t / w_t. The targets are
        # constants.
        return tf.sign(norms - targets) * norms / weights


def norms_at_last_shared_layer(observation: Observation) -> Tensor:
    """Returns the norm G_t of each task's gradient, (T,); see `GradNorm` for W."""
    import tensorflow as tf

    squares = tf.linalg.diag_part(observation.products)  # (P, T)
    norms = tf.sqrt(tf.reduce_sum(squares, axis=0))  # if W is all variables
    last_matrix_first = list(observation.matrices)[::-1]
    if not last_matrix_first:
        return norms
    norms_of_matrices = tf.sqrt(tf.gather(squares, last_matrix_first))  # (matrices, T)
    # The number of tasks that train each matrix.
    num_tasks = tf.math.count_nonzero(norms_of_matrices, axis=1)
    w = tf.argmax(num_tasks)  # the index of W; of several maxima, the first
    # `norms_of_matrices[w]` would make XLA evaluate the whole step while it compiles.
    norms_of_w = tf.gather(norms_of_matrices, w)
    return tf.where(tf.reduce_max(num_tasks) > 0, norms_of_w, norms)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    import tensorflow as tf

    total = tf.reduce_sum(values * mask)
    return tf.math.divide_no_nan(total, tf.reduce_sum(mask))
