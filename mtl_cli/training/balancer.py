"""Balances the tasks in each step: holds a method's state, and combines gradients.

Letters in shapes: T is the number of tasks, and P the number of weights. A lazy table
counts as one weight; see `lazy_tables.py`.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from mtl_cli.balancing.base import Observation
from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import Tensor


class Balancer:
    """A balancing method, its state, and the steps of a run.

    `variables` are the trained weights without the lazy tables, and `first_step` is the
    optimizer's count of steps before the run.
    """

    def __init__(
        self,
        config: Config,
        variables: Sequence[keras.Variable],
        num_tables: int,
        steps_per_epoch: int,
        first_step: int,
    ) -> None:
        self.method, self.tasks = config.balancing, list(config.chosen_tasks)
        self.kernels = [i for i, v in enumerate(variables) if v.name == "kernel"]
        self.steps_per_epoch, self.first_step = steps_per_epoch, first_step
        self.seed = config.seed
        self.reads_gradients = self.method.reads_gradients
        state = self.method.start(len(self.tasks), len(variables) + num_tables)
        self.state = {name: tf.Variable(value) for name, value in state.items()}

    @property
    def changes_weights(self) -> bool:
        """Whether the weights of the tasks can differ between steps."""
        return self.reads_gradients or bool(self.state)

    def loss_weights(self) -> Tensor:
        """Returns the weight of each task's loss in the next step, (T,)."""
        return self.method.loss_weights(self._values(), len(self.tasks))

    def balance(
        self,
        losses: Tensor,
        total_weights: Tensor,
        iterations: Tensor,
        gradients: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        """Updates the state, and combines the gradients of the tasks.

        Args:
            losses: the losses before the step, (T,).
            total_weights: the sum of each task's row weights in the batch, (T,).
            iterations: the optimizer's count of steps before the step.
            gradients: the gradient of each weight. If the method reads gradients, they
                are (T + 1, ...): one gradient per task, then that of the penalties.

        Returns: the weight of each task in the step, (T,), and the combined gradient of
            each weight of the network. If the method reads gradients, the task's weight
            is multiplied by the mean of the task's factors. This mean weighs the
            weights of the network by the squared norms of the task's gradients.
        """
        weights = self.loss_weights()
        if not gradients:  # all weights of the network are frozen
            return weights, gradients
        step = iterations - self.first_step
        observation = Observation(
            self.tasks,
            losses,
            total_weights > 0,
            ends_epoch=(step + 1) % self.steps_per_epoch == 0,
            seed=tf.stack([tf.cast(self.seed % 2**31, step.dtype), step]),
            kernels=self.kernels,
        )
        masks: list[Tensor] = []  # the shared entries of each weight
        if self.reads_gradients:
            # Entries for which two tasks or more have a gradient other than 0.
            masks = [tf.math.count_nonzero(x[:-1], axis=0) > 1 for x in gradients]
            pairs = zip(gradients, masks, strict=True)
            products = tf.stack([inner_products(x[:-1], mask) for x, mask in pairs])
            observation = observation._replace(products=products)
        state = self.method.next_state(self._values(), observation)
        for name, variable in self.state.items():
            variable.assign(state[name])
        if not self.reads_gradients:
            return weights, gradients
        shape = (len(gradients), len(self.tasks))
        factors = tf.broadcast_to(self.method.factors(state, observation), shape)
        squares = tf.linalg.diag_part(observation.products)  # (P, T)
        total = tf.reduce_sum(squares, axis=0)
        mean_factors = tf.reduce_sum(squares * factors, axis=0) / total
        weights *= tf.where(total > 0, mean_factors, 1.0)
        rows = zip(gradients, masks, tf.unstack(factors), strict=True)
        return weights, [combine(*row) for row in rows]

    def _values(self) -> dict[str, Tensor]:
        return {name: variable.read_value() for name, variable in self.state.items()}


def inner_products(gradients: Tensor, mask: Tensor) -> Tensor:
    """Returns the inner products of the tasks' gradients in shared entries, (T, T)."""
    masked = tf.where(mask, gradients, 0.0)
    rows = tf.reshape(masked, (gradients.shape[0], -1))
    # A GPU may compute `matmul` with 10 bits (TF32).
    return tf.stack([tf.reduce_sum(rows * row, axis=1) for row in tf.unstack(rows)])


def combine(gradients: Tensor, mask: Tensor, factors: Tensor) -> Tensor:
    """Combines the gradients of a weight, (T + 1, ...), for the optimizer, (...).

    Shared entries, where the mask is true, get the sum of the tasks' gradients times
    their factors, (T,). All other entries get the sum of the gradients.
    """
    *_, penalties = tf.unstack(gradients)
    of_tasks = gradients[:-1]
    factors = tf.reshape(factors, [-1] + [1] * len(mask.shape))
    shared = tf.reduce_sum(factors * of_tasks, axis=0)
    return tf.where(mask, shared, tf.reduce_sum(of_tasks, axis=0)) + penalties
