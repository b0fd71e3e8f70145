"""The base class of balancing methods: how the losses of the tasks become one step.

Letters in shapes: T is the number of tasks, and P the number of the network's trained
weights. A weight of the network is a tensor, such as the kernel of a layer.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.core.options import Options
from mtl_cli.core.tensors import Tensor

Array = npt.NDArray[np.float32]
# {name: (T,) or another shape that the method chooses}
State = dict[str, Tensor]

MOVES_PER_TASK = 8  # in `minimum_on_simplex`


class Observation(NamedTuple):
    """The facts about a step that a balancing method may read.

    Attributes:
        tasks: names of the tasks.
        losses: the loss L_t of each task before the step, 0 or more, (T,).
        has_rows: whether the batch holds rows of the task, (T,). A task without rows
            has the loss 0 and the gradient 0.
        ends_epoch: whether the step is the last of an epoch.
        seed: a seed for random draws: two whole numbers, (2,). Each step has another
            seed.
        products: the inner products g_s . g_t of the tasks' gradients for each weight,
            (P, T, T). The sums are over the shared entries of the weight, see
            `Balancing`. None if the method reads no gradients.
        kernels: the positions of the layers' kernels among the P weights, in the order
            of the layers.
    """

    tasks: Sequence[str]
    losses: Tensor
    has_rows: Tensor
    ends_epoch: Tensor
    seed: Tensor
    products: Tensor = None
    kernels: Sequence[int] = ()

    @property
    def total_products(self) -> Tensor:
        """The inner products g_s . g_t, summed over all weights, (T, T)."""
        import tensorflow as tf

        return tf.reduce_sum(self.products, axis=0)


class Balancing(Options):
    """A method that balances the tasks. Fields are the keys of `conf/balancing/*.yaml`.

    Each step lowers the sum

        sum_t omega_t w_t L_t

    L_t is the loss of task t, omega_t its `weight` in `dataset.tasks`, and w_t the
    weight that the method gives the task in this step.

    A method that reads gradients may also change the direction of the step. Let g_t be
    the gradient of omega_t w_t L_t by the weights of the network. An entry of a weight
    is shared if two tasks or more have a gradient there that is not 0. The optimizer
    gets the gradient

        sum_t a_t g_t      in shared entries, with the factors a_t of the method
        sum_t g_t          in all other entries

    The methods read the gradients of shared entries only. The gradients of penalties on
    weights are added without a factor.

    Attributes:
        reads_gradients: whether the method needs the gradient of each task. Each step
            then computes one gradient per task, and one of the penalties.
        name: name of the method's module.
    """

    reads_gradients: ClassVar[bool] = False

    name: str

    def check(self, tasks: Sequence[str]) -> None:
        """Raises ValueError if the keys do not fit the tasks with these names."""

    def start(self, num_tasks: int, num_weights: int) -> dict[str, Array]:
        """Returns the state before the first step, {name: array}, for T and P."""
        return {}

    def loss_weights(self, state: State, num_tasks: int) -> Tensor:
        """Returns the weight w_t of each task in the next step, (T,)."""
        import tensorflow as tf

        return tf.ones(num_tasks)

    def next_state(self, state: State, observation: Observation) -> State:
        """Returns the state after a step, with the names and shapes of `start`.

        Args:
            state: the state before the step.
            observation: the losses of the step; its gradients too, if the method reads
                gradients.
        """
        return state

    def factors(self, state: State, observation: Observation) -> Tensor:
        """Returns the factors a_t of the step, (T,), or (P, T) with factors per weight.

        Only methods that read gradients are asked for factors.

        Args:
            state: the state that `next_state` has returned for this step.
            observation: the losses and the gradients of the step.
        """
        import tensorflow as tf

        return tf.ones(len(observation.tasks))


def start_of_training(values: Array) -> dict[str, Array]:
    """Returns the state before the first step of values that `train_values` trains."""
    zeros = np.zeros_like(values)
    return {"values": values, "mean": zeros, "mean_square": zeros, "num_steps": zeros}


def train_values(
    state: State, gradient: Tensor, rate: float, observation: Observation
) -> State:
    """Returns a state whose values Adam has changed by one step.

    The state has the names of `start_of_training`, and `gradient` is the gradient of
    its `values`, (T,). The values of tasks without rows in the batch do not change.
    """
    import tensorflow as tf

    from mtl_cli.layers.adam_step import adam_step

    num_steps = state["num_steps"] + 1
    change, mean, mean_square = adam_step(
        gradient,
        state["mean"],
        state["mean_square"],
        num_steps,
        rate,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
    )
    new = {
        "values": state["values"] + change,
        "mean": mean,
        "mean_square": mean_square,
        "num_steps": num_steps,
    }
    return state | {
        name: tf.where(observation.has_rows, new[name], state[name]) for name in new
    }


def minimum_on_simplex(
    linear: Tensor, products: Tensor, factor: Any, has_gradient: Tensor
) -> Tensor:
    """Returns the shares alpha of the tasks that minimise an objective, (T,).

        minimise   linear . alpha + factor ||g_alpha||
        g_alpha = sum_t alpha_t g_t,   alpha_t >= 0,   sum_t alpha_t = 1

    The method is pairwise Frank-Wolfe. The slope of a task is the derivative of the
    objective by the task's share. Each move takes a share from the task with the
    highest slope and gives it to the task with the lowest slope. The size of the move
    minimises a parabola that equals the objective at alpha and is nowhere below it. For
    two tasks without a linear term, the first move ends at the minimum.

    `linear` and `has_gradient` are (T,), and `products` are g_s . g_t, (T, T). Tasks
    without a gradient get the share 0.

    Reference: Lacoste-Julien and Jaggi, "On the Global Linear Convergence of
        Frank-Wolfe Optimization Variants", NeurIPS 2015.
    """
    import tensorflow as tf

    mask = tf.cast(has_gradient, tf.float32)
    num_tasks = mask.shape[0]

    def move(alpha: Tensor) -> Tensor:
        dots = tf.reduce_sum(products * alpha, axis=1)  # g_t . g_alpha
        weight = factor / root(tf.reduce_sum(alpha * dots))  # factor / ||g_alpha||
        slopes = linear + weight * dots
        slopes_to = tf.where(has_gradient, slopes, tf.float32.max)
        slopes_from = tf.where(alpha > 0, slopes, tf.float32.min)
        giver = tf.one_hot(tf.argmax(slopes_from), num_tasks)
        direction = tf.one_hot(tf.argmin(slopes_to), num_tasks) - giver
        descent = tf.reduce_max(slopes_from) - tf.reduce_min(slopes_to)
        direction_dots = tf.reduce_sum(products * direction, axis=1)
        curvature = weight * tf.reduce_sum(direction_dots * direction)
        size = tf.math.divide_no_nan(descent, curvature)
        size = tf.clip_by_value(size, 0.0, tf.reduce_sum(alpha * giver))
        return alpha + size * direction

    # The moves are unrolled: XLA would compile a TensorFlow loop to code that takes
    # seconds per step.
    alpha = tf.math.divide_no_nan(mask, tf.reduce_sum(mask))
    for _ in range(MOVES_PER_TASK * num_tasks):
        alpha = move(alpha)
    return alpha


def root(square: Tensor) -> Tensor:
    """Returns the square root of a squared norm; at least 1e-6, since it is a divisor.

    The square may be negative if it is a sum that was rounded.
    """
    import tensorflow as tf

    return tf.sqrt(tf.maximum(square, 1e-12))
