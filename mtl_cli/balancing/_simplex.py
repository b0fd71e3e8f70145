"""Finds the weighted mean of the tasks' gradients that minimises an objective.

The weights of the mean are called shares here. All shares are 0 or more, and their sum
is 1; the set of such shares is called the simplex. T is the number of tasks.
"""

from mtl_cli.core.tensors import Tensor

# For 20 random gradients of 200 entries with norms from 1 to 500, ||g_alpha|| then ends
# within 0.01 % of its minimum; if gradients oppose each other, within several per cent.
MOVES_PER_TASK = 8
MIN_SQUARED_NORM = 1e-12  # of `positive_norm`


def minimum_on_simplex(
    linear: Tensor, products: Tensor, norm_factor: Tensor | float, has_gradient: Tensor
) -> Tensor:
    """Returns the shares alpha of the tasks that minimise an objective, (T,).

        minimise   linear . alpha + norm_factor ||g_alpha||
        g_alpha = sum_t alpha_t g_t,   alpha_t >= 0,   sum_t alpha_t = 1

    g_t is the gradient of task t. The method is pairwise Frank-Wolfe: each move gives a
    part of the share of the task with the highest slope, the derivative of the
    objective with respect to the share, to the task with the lowest slope.

    The size of the move comes from an upper bound on the objective. Let r = ||g_alpha||
    before the move. Every vector g has ||g|| <= (||g||^2 / r + r) / 2, and both sides
    are equal for g = g_alpha. With the right side in place of the norm, the objective
    becomes a parabola in the size of the move. The move ends at the minimum of this
    parabola, so it never raises the objective.

    The shares start in proportion to 1 / ||g_t||^2, which is the minimum if the
    gradients are orthogonal to each other. Equal shares would leave too few moves for
    tasks with small gradients. Tasks without a gradient get the share 0.

    `products` are the inner products g_s . g_t, (T, T).

    Reference: Lacoste-Julien and Jaggi, "On the Global Linear Convergence of
        Frank-Wolfe Optimization Variants", NeurIPS 2015.
    """
    import tensorflow as tf

    mask = tf.cast(has_gradient, tf.float32)
    num_tasks = mask.shape[0]

    def move(alpha: Tensor) -> Tensor:
        dots = tf.reduce_sum(products * alpha, axis=1)  # g_t . g_alpha
        norm = positive_norm(tf.reduce_sum(alpha * dots))  # ||g_alpha||
        norm_slope = norm_factor / norm
        slopes = linear + norm_slope * dots
        receiver_slopes = tf.where(has_gradient, slopes, tf.float32.max)
        giver_slopes = tf.where(alpha > 0, slopes, tf.float32.min)
        giver = tf.one_hot(tf.argmax(giver_slopes), num_tasks)
        direction = tf.one_hot(tf.argmin(receiver_slopes), num_tasks) - giver
        # The parabola is: constant - descent * size + curvature / 2 * size^2.
        descent = tf.reduce_max(giver_slopes) - tf.reduce_min(receiver_slopes)
        direction_dots = tf.reduce_sum(products * direction, axis=1)
        curvature = norm_slope * tf.reduce_sum(direction_dots * direction)
        size = tf.math.divide_no_nan(descent, curvature)
        giver_share = tf.reduce_sum(alpha * giver)
        size = tf.clip_by_value(size, 0.0, giver_share)
        return alpha + size * direction

    squares = tf.linalg.diag_part(products)  # ||g_t||^2
    min_square = tf.reduce_min(tf.where(has_gradient, squares, tf.float32.max))
    alpha = mask * tf.math.divide_no_nan(min_square, squares)
    alpha = tf.math.divide_no_nan(alpha, tf.reduce_sum(alpha))
    # The moves are unrolled: XLA would compile a TensorFlow loop to code that takes
    # seconds per step.
    for _ in range(MOVES_PER_TASK * num_tasks):
        alpha = move(alpha)
    return alpha


def positive_norm(squared_norm: Tensor) -> Tensor:
    """Returns the square root of a squared norm that rounding may make negative."""
    import tensorflow as tf

    return tf.sqrt(tf.maximum(squared_norm, MIN_SQUARED_NORM))
