"""The base class of balancing methods: how the losses of the tasks become one step.

A variable is a tensor of the network that is trained, such as the kernel of a layer.
Letters in shapes: T is the number of tasks, and P the number of variables.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.core.options import Options
from mtl_cli.core.tensors import Tensor

Array = npt.NDArray[np.float32]
State = dict[str, Tensor]  # the values that a method remembers from step to step


class Observation(NamedTuple):
    """The facts about a step that a balancing method may read.

    Attributes:
        tasks: names of the tasks.
        losses: the loss L_t of each task before the step, 0 or more, (T,).
        has_rows: whether the batch holds rows of the task, (T,). A task without rows
            has the loss 0 and the gradient 0.
        ends_epoch: whether the step is the last step of an epoch.
        seed: a seed for random draws of this step: two whole numbers, (2,).
        products: the inner products g_s . g_t of the tasks' gradients for each
            variable, (P, T, T), over the shared entries of the variable. None for
            methods that do not read gradients.
        matrices: the positions of the embedding tables and of the kernels of the
            encoder and the experts, in the order of the layers.
    """

    tasks: Sequence[str]
    losses: Tensor
    has_rows: Tensor
    ends_epoch: Tensor
    seed: Tensor
    products: Tensor | None = None
    matrices: Sequence[int] = ()

    @property
    def total_products(self) -> Tensor:
        """The inner products g_s . g_t, summed over all variables, (T, T)."""
        import tensorflow as tf

        return tf.reduce_sum(self.products, axis=0)


class Balancing(Options):
    """A method that balances the tasks. Fields are the keys of `conf/balancing/*.yaml`.

    Each step lowers the sum

        sum_t omega_t w_t L_t

    L_t is the loss of task t, omega_t the key `weight` of the task, and w_t the
    method's weight, from `loss_weights`.

    A method that reads gradients may also change the direction of the step. Let g_t be
    the gradient of omega_t w_t L_t with respect to the variables of the network. An
    entry of a variable is shared if two tasks or more have a gradient there that is not
    0. The optimizer gets the gradient

        sum_t a_t g_t      in shared entries; `gradient_factors` returns a_t
        sum_t g_t          in all other entries

    The methods read the gradients of shared entries only. The gradients of penalties on
    variables are added without a factor.

    Training keeps the state of the method, and calls the methods in this order:

        state = initial_state(T, P)
        in each step:
            w = loss_weights(state, T)
            state = next_state(state, observation)
            a = gradient_factors(state, observation)      if `reads_gradients`

    Attributes:
        reads_gradients: whether the method needs the gradient of each task. Each step
            then computes one gradient per task, and one gradient of the penalties.
        name: name of the method's module.
    """

    reads_gradients: ClassVar[bool] = False

    name: str

    def check(self, tasks: Sequence[str]) -> None:
        """Raises ValueError if the keys do not fit the tasks with these names."""

    def initial_state(self, num_tasks: int, num_variables: int) -> dict[str, Array]:
        """Returns the state before the first step, for T tasks and P variables."""
        return {}

    def loss_weights(self, state: State, num_tasks: int) -> Tensor:
        """Returns the weight w_t of each task in the step, (T,)."""
        import tensorflow as tf

        return tf.ones(num_tasks)

    def next_state(self, state: State, observation: Observation) -> State:
        """Returns the state after the step, with the same names and shapes."""
        return state

    def gradient_factors(self, state: State, observation: Observation) -> Tensor:
        """Returns the factors a_t of the step, (T,), or (P, T) for each variable.

        `state` is the state after the step, from `next_state`.
        """
        import tensorflow as tf

        return tf.ones(len(observation.tasks))
