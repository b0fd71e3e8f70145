"""Takes one optimizer step: computes new weights from a batch of rows."""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf

from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import Tensor
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.network.network import Network
from mtl_cli.training.balancer import Balancer, stacked_gradients
from mtl_cli.training.feed import TensorTable
from mtl_cli.training.lazy_tables import RowsOfBatch, cut_at_tables, make_lazy_tables
from mtl_cli.training.losses import (
    BatchShare,
    logits_of_sample,
    penalties_of_heads,
    penalties_of_layers,
    sum_of_penalties,
    task_losses,
)


class Step:
    """Takes one optimizer step on one batch.

    If several processes train together, each process reads its *share* of the batch:
    some of the batch's rows. The losses and gradients of all processes are summed
    before the optimizer changes the weights.

    See `lazy_tables.py` for lazy tables and packed rows. The lists `table_rows`,
    `packed_rows` and `positions` have one tensor per lazy table. Letters in shapes: T
    is the number of tasks.

    Attributes:
        tables: the lazy tables.
        model: the network without the lazy tables: from the features, and the vectors
            from the lazy tables if there are any, to the logits.
        optimizer: the Keras optimizer of all weights except the lazy tables.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        num_epochs: int,
        steps_per_epoch: int,
        rows_per_process: int,
        replicas: Replicas,
    ) -> None:
        self.tasks = config.chosen_tasks
        self.task_weights = tf.constant([task.weight for task in self.tasks.values()])
        self.heads = config.model.heads_option
        self.label_statistics = network.label_statistics
        self.rows_per_process = rows_per_process
        self.replicas = replicas
        self.tables = make_lazy_tables(network.logits, config.optimizer)
        self.ids_model, self.model = cut_at_tables(network.logits, self.tables)
        # A run that starts with an earlier run's optimizer continues to count its
        # steps, but begins the schedule of the learning rate anew.
        earlier = network.earlier_optimizer
        first_step = 0 if earlier is None else earlier.step
        total_steps = num_epochs * steps_per_epoch
        self.optimizer = config.optimizer.build(total_steps, first_step)
        self.optimizer.build(self.model.trainable_variables)
        # Keras does not know the gradients of lazy tables, so its global norm would
        # lack these gradients. Therefore `_update` clips all gradients, and Keras none.
        self.clip_norm = self.optimizer.global_clipnorm
        self.optimizer.global_clipnorm = None
        self.balancer = Balancer(
            config,
            network,
            self.model.trainable_variables,
            self.tables,
            steps_per_epoch,
            first_step,
        )

    def make_take_step(
        self, compile_parts: bool
    ) -> Callable[..., tuple[Tensor, list[Tensor]]]:
        """Returns `_take`, as a function of a batch, with parts compiled by XLA.

        XLA would copy a whole lazy table in order to write to the table, and XLA cannot
        communicate with other processes. With `compile_parts`, XLA compiles only the
        parts of a step that do neither.
        """
        xla = partial(tf.function, jit_compile=True, autograph=False)
        if compile_parts and self.replicas.size > 1:
            return partial(self._take, xla(self._compute_gradients), xla(self._update))
        take = partial(self._take, self._compute_gradients, self._update)
        return xla(take) if compile_parts else take

    def find_table_rows(self, features: dict[str, Tensor]) -> list[RowsOfBatch]:
        """Finds the rows of each lazy table that the whole batch reads.

        Each process holds the whole table, so the `indices` cover the whole batch, but
        the `positions` only the ids in this process's share.
        """
        if self.ids_model is None:
            return []
        start = self.replicas.rank * self.rows_per_process
        share = slice(start, start + self.rows_per_process)
        ids_by_table = tf.nest.flatten(self.ids_model(features))
        rows_by_table = []
        for table, ids in zip(self.tables, ids_by_table, strict=True):
            rows = table.rows_of_batch(self.replicas.all_gather(ids))
            rows_by_table.append(rows._replace(positions=rows.positions[share]))
        return rows_by_table

    def _take(
        self,
        compute_gradients: Callable[..., Any],
        update: Callable[..., list[Tensor]],
        rows: TensorTable,
        is_real: Tensor,
        packed_rows: list[Tensor],
        positions: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        """Takes one optimizer step.

        Args:
            compute_gradients: `_compute_gradients`, perhaps compiled.
            update: `_update`, perhaps compiled.
            rows: the rows in this process's share of the batch.
            is_real: 0 for rows that fill up the last batch, 1 for all others, (batch,).
            packed_rows: the packed rows of each lazy table that the batch reads.
            positions: the position of each id's row among these rows, for each table.

        Returns: the values of the step, (3, T), in the order of `VALUES_PER_TASK`; and
            `packed_rows` after the step.
        """
        table_rows = [
            table.without_slots(packed)
            for table, packed in zip(self.tables, packed_rows, strict=True)
        ]
        sums = [tf.reduce_sum(rows.weights[task]) for task in self.tasks]
        sums.append(tf.reduce_sum(is_real))
        *total_weights, num_rows = self.replicas.all_reduce(sums)
        batch = BatchShare(rows, is_real, num_rows, total_weights)
        losses, gradients = self.replicas.all_reduce(
            compute_gradients(batch, table_rows, positions)
        )
        total_weights = tf.stack(total_weights)
        step = tf.convert_to_tensor(self.optimizer.iterations)
        task_weights, gradients = self.balancer.balance(
            losses, total_weights, step, gradients
        )
        rows_after_step = update(gradients, packed_rows)
        return tf.stack([losses, total_weights, task_weights]), rows_after_step

    def _compute_gradients(
        self, batch: BatchShare, table_rows: list[Tensor], positions: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Computes this process's share of the losses and of the gradients.

        Returns: the losses, (T,); and the gradients of the model's variables and of
            `table_rows`. If the balancing method reads gradients, each gradient has the
            shape (T + 1, ...): one gradient per task, then the gradient of the
            penalties.
        """
        variables = self.model.trainable_variables
        reads_gradients = self.balancer.reads_gradients
        features = batch.rows.features
        with tf.GradientTape(persistent=reads_gradients) as tape:
            tape.watch(table_rows)
            vectors = [
                table.layer_output(rows, positions_of_ids)
                for table, rows, positions_of_ids in zip(
                    self.tables, table_rows, positions, strict=True
                )
            ]
            inputs = [features, vectors] if vectors else features
            logits = self.model(inputs, training=True)
            losses, penalty = self._losses(logits, batch)
            weights = self.task_weights * self.balancer.loss_weights()
            weighted_losses = losses * weights
            summands = [*tf.unstack(weighted_losses), penalty]
            total = tf.reduce_sum(weighted_losses) + penalty
        if not reads_gradients:
            return losses, tape.gradient(total, [*variables, *table_rows])
        # If a loss does not depend on a variable, the tape returns zeros only for
        # TensorFlow's own variables, so Keras' variables are unwrapped by `value`.
        sources = [*(variable.value for variable in variables), *table_rows]
        return losses, stacked_gradients(tape, summands, sources)

    def _losses(
        self, logits: dict[str, Tensor], batch: BatchShare
    ) -> tuple[Tensor, Tensor]:
        """Computes this process's share of the losses, (T,), and of the penalty."""
        losses = task_losses(
            self.tasks,
            logits_of_sample(self.heads, self.tasks, logits, batch.rows.log_rates),
            batch.rows.labels,
            batch.rows.weights,
            self.label_statistics,
            batch.total_weights,
        )
        first_logit, *_ = logits.values()
        penalties = [
            *penalties_of_layers(self.model, first_logit, batch.is_real),
            *penalties_of_heads(self.heads, self.tasks, logits, batch),
        ]
        return losses, sum_of_penalties(
            penalties, batch.is_real, batch.num_rows, self.replicas.size
        )

    def _update(
        self, gradients: list[Tensor], packed_rows: list[Tensor]
    ) -> list[Tensor]:
        """Clips the gradients, changes the variables, and returns the packed rows."""
        variables = self.model.trainable_variables
        if self.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        # `apply` counts the step, so both values are read before the call.
        step = tf.convert_to_tensor(self.optimizer.iterations)
        rate = tf.convert_to_tensor(self.optimizer.learning_rate)
        if variables:
            self.optimizer.apply(gradients[: len(variables)], variables)
        else:  # Keras does not count a step without gradients.
            self.optimizer.iterations.assign_add(1)
        row_gradients = gradients[len(variables) :]
        return [
            table.rows_after_step(packed, gradient, step, rate)
            for table, packed, gradient in zip(
                self.tables, packed_rows, row_gradients, strict=True
            )
        ]
