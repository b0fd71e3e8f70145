"""The base class of balancing methods: how the losses of the tasks become one step.

Letters in shapes: T is the number of tasks, and P the number of variables. A variable
is a tensor of the network that is trained, such as the kernel of a layer. The word
"weight" always means the weight of a task's loss here.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.core.options import Options
from mtl_cli.core.tensors import Tensor

Array = npt.NDArray[np.float32]
# The values that a method remembers from step to step: {name: values}. The method
# chooses the names and the shapes; most values have the shape (T,).
State = dict[str, Tensor]

# `minimum_on_simplex` makes this many moves per task. For random gradients of 2 to 10
# tasks, the objective then ends within 3e-5 of its minimum in 19 of 20 cases.
MOVES_PER_TASK = 8
# The smallest squared norm for `positive_norm`.
MIN_SQUARED_NORM = 1e-12


class Observation(NamedTuple):
    """The facts about a step that a balancing method may read.

    Attributes:
        tasks: names of the tasks.
        losses: the loss L_t of each task before the step, 0 or more, (T,).
        has_rows: whether the batch holds rows of the task, (T,). A task without rows
            has the loss 0 and the gradient 0.
        ends_epoch: whether the step is the last step of an epoch.
        seed: a seed for random draws: two whole numbers, (2,). Each step has another
            seed.
        products: the inner products g_s . g_t of the tasks' gradients for each
            variable, (P, T, T). The sums are over the shared entries of the variable,
            see `Balancing`. None if the method reads no gradients.
        kernels: the positions of the layers' kernels among the P variables, in the
            order of the layers.
    """

    tasks: Sequence[str]
    losses: Tensor
    has_rows: Tensor
    ends_epoch: Tensor
    seed: Tensor
    products: Tensor | None = None
    kernels: Sequence[int] = ()

    @property
    def total_products(self) -> Tensor:
        """The inner products g_s . g_t, summed over all variables, (T, T)."""
        import tensorflow as tf

        return tf.reduce_sum(self.products, axis=0)


class Balancing(Options):
    """A method that balances the tasks. Fields are the keys of `conf/balancing/*.yaml`.

    Each step lowers the sum

        sum_t omega_t w_t L_t

    L_t is the loss of task t, omega_t the key `weight` of the task in `dataset.tasks`,
    and w_t the weight that the method gives the task in this step.

    A method that reads gradients may also change the direction of the step. Let g_t be
    the gradient of omega_t w_t L_t with respect to the variables of the network. An
    entry of a variable is shared if two tasks or more have a gradient there that is not
    0. The optimizer gets the gradient

        sum_t a_t g_t      in shared entries, with the factors a_t of the method
        sum_t g_t          in all other entries

    The methods read the gradients of shared entries only. The gradients of penalties on
    variables are added without a factor.

    Attributes:
        reads_gradients: whether the method needs the gradient of each task. Each step
            then computes one gradient per task, and one gradient of the penalties.
        name: name of the method's module.
    """

    reads_gradients: ClassVar[bool] = False

    name: str

    def check(self, tasks: Sequence[str]) -> None:
        """Raises ValueError if the keys do not fit the tasks with these names."""

    def start(self, num_tasks: int, num_variables: int) -> dict[str, Array]:
        """Returns the state before the first step, for T tasks and P variables."""
        return {}

    def loss_weights(self, state: State, num_tasks: int) -> Tensor:
        """Returns the weight w_t of each task in the next step, (T,)."""
        import tensorflow as tf

        return tf.ones(num_tasks)

    def next_state(self, state: State, observation: Observation) -> State:
        """Returns the state after a step, with the names and shapes of `start`.

        Args:
            state: the state before the step.
            observation: the facts about the step.
        """
        return state

    def factors(self, state: State, observation: Observation) -> Tensor:
        """Returns the factors a_t of the step, (T,).

        The factors may differ between the variables; their shape is then (P, T). Only
        methods that read gradients are asked for factors.

        Args:
            state: the state that `next_state` has returned for this step.
            observation: the facts about the step.
        """
        import tensorflow as tf

        return tf.ones(len(observation.tasks))


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
        state: a state with the names of `initial_adam_state`. Values with other names
            are returned unchanged.
        gradient: the gradient with respect to `values`, (T,).
    """
    import tensorflow as tf

    from mtl_cli.layers.adam_step import adam_step

    num_steps = state["num_steps"] + 1
    change, mean, mean_square = adam_step(
        gradient,
        state["mean"],
        state["mean_square"],
        num_steps,
        learning_rate,
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


def minimum_on_simplex(
    linear: Tensor, products: Tensor, norm_factor: Tensor | float, has_gradient: Tensor
) -> Tensor:
    """Returns the shares alpha of the tasks that minimise an objective, (T,).

        minimise   linear . alpha + norm_factor ||g_alpha||
        g_alpha = sum_t alpha_t g_t,   alpha_t >= 0,   sum_t alpha_t = 1

    The method is pairwise Frank-Wolfe. The slope of a task is the derivative of the
    objective with respect to the task's share. Each move takes a part of the share of
    the task with the highest slope, and gives this part to the task with the lowest
    slope.

    The size of the move comes from an upper bound on the objective. Let r = ||g_alpha||
    before the move. Every vector g has ||g|| <= (||g||^2 / r + r) / 2, and both sides
    are equal for g = g_alpha. With the right side in place of the norm, the objective
    becomes a parabola in the size of the move. The move ends at the minimum of this
    parabola, so it never raises the objective. For two tasks without a linear term, the
    first move ends at the minimum of the objective.

    Tasks without a gradient get the share 0.

    Args:
        linear: (T,).
        products: the inner products g_s . g_t, (T, T).
        norm_factor: a number, 0 or more.
        has_gradient: whether the gradient of the task is not 0, (T,).

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
        descent = tf.reduce_max(giver_slopes) - tf.reduce_min(receiver_slopes)
        direction_dots = tf.reduce_sum(products * direction, axis=1)
        curvature = norm_slope * tf.reduce_sum(direction_dots * direction)
        size = tf.math.divide_no_nan(descent, curvature)
        giver_share = tf.reduce_sum(alpha * giver)
        size = tf.clip_by_value(size, 0.0, giver_share)
        return alpha + size * direction

    # All tasks with a gradient start with the same share.
    alpha = tf.math.divide_no_nan(mask, tf.reduce_sum(mask))
    # The moves are unrolled: XLA would compile a TensorFlow loop to code that takes
    # seconds per step.
    for _ in range(MOVES_PER_TASK * num_tasks):
        alpha = move(alpha)
    return alpha


def positive_norm(squared_norm: Tensor) -> Tensor:
    """Returns the square root of a squared norm, and at least 1e-6.

    The result can be a divisor. Rounding can make a squared norm negative if it is
    computed as a sum of inner products.
    """
    import tensorflow as tf

    return tf.sqrt(tf.maximum(squared_norm, MIN_SQUARED_NORM))
