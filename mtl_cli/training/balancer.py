"""Balances the tasks in each step: keeps a method's state, and combines gradients.

Letters in shapes: T is the number of tasks. P is the number of the network's trained
variables; each lazy table counts as one of them, see `lazy_tables.py`.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mtl_cli.balancing.base import Observation
from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import Tensor
from mtl_cli.network.network import Network
from mtl_cli.network.parts import part_of_layers
from mtl_cli.training.lazy_tables import LazyTable


class Balancer:
    """Runs a balancing method in each step.

    Attributes:
        state: {name: variable}, the values that the method remembers from step to step.
        reads_gradients: whether the method needs the gradient of each task.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        variables: Sequence[keras.Variable],
        tables: Sequence[LazyTable],
        steps_per_epoch: int,
        first_step: int,
    ) -> None:
        """Creates the state before the first step.

        `variables` are the trained variables of the network without the lazy tables.
        `first_step` is the optimizer's count of steps before the run.
        """
        self.method = config.balancing
        self.tasks = list(config.chosen_tasks)
        self.matrices = matrices_before_towers(network, variables, tables)
        self.steps_per_epoch = steps_per_epoch
        self.first_step = first_step
        self.seed = config.seed
        self.reads_gradients = self.method.reads_gradients
        state = self.method.initial_state(len(self.tasks), len(variables) + len(tables))
        self.state = {name: tf.Variable(value) for name, value in state.items()}

    @property
    def changes_weights(self) -> bool:
        """Whether the weights of the tasks can differ between steps."""
        return self.reads_gradients or bool(self.state)

    def loss_weights(self) -> Tensor:
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
            gradients: the gradient of each variable, (...). If the method reads
                gradients, each has the shape (T + 1, ...): one gradient per task, then
                the gradient of the penalties.

        Returns: the weight of each task in the step, (T,), for reports, times the mean
            of the task's factors; and the combined gradient of each variable, (...).
        """
        task_weights = self.loss_weights()
        if not gradients:  # all variables of the network are frozen
            return task_weights, gradients
        step = iterations - self.first_step
        observation = Observation(
            tasks=self.tasks,
            losses=losses,
            has_rows=total_weights > 0,
            ends_epoch=(step + 1) % self.steps_per_epoch == 0,
            seed=tf.stack([tf.cast(self.seed % 2**31, step.dtype), step]),
            matrices=self.matrices,
        )
        if not self.reads_gradients:
            self._update_state(observation)
            return task_weights, gradients
        # The last gradient of each variable is the gradient of the penalties.
        by_task = [x[:-1] for x in gradients]
        masks = [shared_entries(x) for x in by_task]
        products = tf.stack(list(map(inner_products, by_task, masks)))
        observation = observation._replace(products=products)
        state = self._update_state(observation)
        factors = self.method.gradient_factors(state, observation)
        factors = tf.broadcast_to(factors, (len(gradients), len(self.tasks)))  # (P, T)
        per_variable = zip(gradients, masks, tf.unstack(factors), strict=True)
        combined = [combine(x, mask, factor) for x, mask, factor in per_variable]
        return task_weights * mean_factors(factors, products), combined

    def _update_state(self, observation: Observation) -> dict[str, Tensor]:
        """Updates the variables of the state, and returns their new values."""
        state = self.method.next_state(self._values(), observation)
        for name, variable in self.state.items():
            variable.assign(state[name])
        return state

    def _values(self) -> dict[str, Tensor]:
        return {name: variable.read_value() for name, variable in self.state.items()}


def matrices_before_towers(
    network: Network, variables: Sequence[keras.Variable], tables: Sequence[LazyTable]
) -> list[int]:
    """Returns `Observation.matrices`."""
    all_variables = [*variables, *(table.layer.table for table in tables)]
    position_by_id = {id(variable): i for i, variable in enumerate(all_variables)}
    part_by_layer = part_of_layers(network)
    return [
        position_by_id[id(variable)]
        for layer in network.logits.layers
        if part_by_layer.get(layer.name) in ("embeddings", "encoder", "experts")
        for variable in layer.weights
        # A kernel with one row or column is a bias, and so is a table of one column.
        if id(variable) in position_by_id
        and len(variable.shape) > 1
        and min(variable.shape[-2:]) > 1
    ]


def stacked_gradients(
    tape: tf.GradientTape, summands: list[Tensor], sources: list[Any]
) -> list[Tensor]:
    """Returns one tensor per source: its gradients for all summands, (summands, ...).

    If a summand does not depend on a source, the gradient is zeros, not None.
    """
    by_summand = [
        tape.gradient(summand, sources, unconnected_gradients="zero")
        for summand in summands
    ]
    return [tf.stack(gradients) for gradients in zip(*by_summand, strict=True)]


def shared_entries(gradients: Tensor) -> Tensor:
    """Returns a mask that is true for the shared entries of a variable, (...).

    An entry is shared if the gradients of at least two tasks, (T, ...), are not 0.
    """
    return tf.math.count_nonzero(gradients, axis=0) > 1


def inner_products(gradients: Tensor, mask: Tensor) -> Tensor:
    """Returns the inner products of the tasks' gradients in shared entries, (T, T).

    `gradients` belong to one variable, (T, ...). `mask` is true for shared entries.
    """
    masked = tf.where(mask, gradients, 0.0)
    rows = tf.reshape(masked, (gradients.shape[0], -1))  # (T, entries)
    # No `matmul`: on a GPU, it may round its inputs to 10 bits (TF32).
    return tf.stack([tf.reduce_sum(rows * row, axis=1) for row in tf.unstack(rows)])


def mean_factors(factors: Tensor, products: Tensor) -> Tensor:
    """Returns the mean of each task's factors over the variables, (T,).

    A variable counts in proportion to the squared norm of the task's gradient in the
    shared entries of the variable. The mean is 1 for a task without a gradient in
    shared entries. `factors` has the shape (P, T).
    """
    squares = tf.linalg.diag_part(products)  # ||g_t||^2, (P, T)
    total = tf.reduce_sum(squares, axis=0)
    means = tf.reduce_sum(squares * factors, axis=0) / total
    return tf.where(total > 0, means, 1.0)


def combine(gradients: Tensor, mask: Tensor, factors: Tensor) -> Tensor:
    """Returns the gradient of one variable for the optimizer, (...).

    Shared entries get the sum of the tasks' gradients times their factors, (T,). All
    other entries get the sum of the tasks' gradients. The gradient of the penalties is
    added to all entries. See `Balancer.balance` for `gradients`.
    """
    *_, penalty_gradient = tf.unstack(gradients)
    task_gradients = gradients[:-1]
    # (T, 1, 1, ...): one axis for each axis of the variable.
    factors = tf.reshape(factors, [-1] + [1] * len(mask.shape))
    shared = tf.reduce_sum(factors * task_gradients, axis=0)
    others = tf.reduce_sum(task_gradients, axis=0)
    return tf.where(mask, shared, others) + penalty_gradient
