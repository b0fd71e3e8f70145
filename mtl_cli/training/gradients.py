"""Computes the losses and gradients of a batch, for one step."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import Tensor
from mtl_cli.network.network import Network
from mtl_cli.training.balancer import Balancer
from mtl_cli.training.lazy_tables import LazyTable
from mtl_cli.training.losses import (
    BatchShare,
    logits_of_sample,
    penalties_of_heads,
    sum_of_penalties,
    task_losses,
)


class Gradients:
    """Computes the losses and gradients of one process's share of a batch.

    If several processes train together, each has a *share* of the batch: some of its
    rows. The results of all processes add up to the losses and gradients of the batch.

    Letters in shapes: T is the number of tasks.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        model: keras.Model,
        tables: Sequence[LazyTable],
        balancer: Balancer,
        num_processes: int,
    ) -> None:
        """`Step` describes `model`, `tables` and `balancer`.

        `network` gives the statistics of the training labels.
        """
        self.tasks = config.chosen_tasks
        self.heads = config.model.heads_option
        self.label_statistics = network.label_statistics
        self.task_weights = tf.constant([task.weight for task in self.tasks.values()])
        self.model = model
        self.tables = tables
        self.balancer = balancer
        self.num_processes = num_processes

    def compute(
        self, batch: BatchShare, table_rows: list[Tensor], positions: list[Tensor]
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Computes this process's share of the losses and of the gradients.

        Args:
            batch: this process's share of the batch.
            table_rows: the rows of each lazy table that the batch reads, without the
                slots of the optimizer.
            positions: the position of each id's row among these rows, for each table.

        Returns: the losses, (T,); the gradients of the model's variables; and the
            gradients of `table_rows`. If the balancing method reads gradients, each
            gradient has the shape (T + 1, ...): one gradient per task, then the
            gradient of the penalties.
        """
        variables = self.model.trainable_variables
        reads_gradients = self.balancer.reads_gradients
        with tf.GradientTape(persistent=reads_gradients) as tape:
            tape.watch(table_rows)
            logits = self._logits(batch.rows.features, table_rows, positions)
            losses, penalty = self._losses(logits, batch)
            weighted_losses = losses * (
                self.task_weights * self.balancer.loss_weights()
            )
            summands = [*tf.unstack(weighted_losses), penalty]
            total = tf.reduce_sum(weighted_losses) + penalty
        if not reads_gradients:
            gradients, row_gradients = tape.gradient(total, (variables, table_rows))
            return losses, gradients, row_gradients
        # A tape makes gradients of zeros only for TensorFlow's own variables, so Keras'
        # variables are unwrapped.
        sources = [*(variable.value for variable in variables), *table_rows]
        stacked = stacked_gradients(tape, summands, sources)
        return losses, stacked[: len(variables)], stacked[len(variables) :]

    def _logits(
        self,
        features: dict[str, Tensor],
        table_rows: list[Tensor],
        positions: list[Tensor],
    ) -> dict[str, Tensor]:
        """Computes {output: logits}. See `compute` for the arguments."""
        tables = zip(self.tables, table_rows, positions, strict=True)
        vectors = [
            table.layer_output(rows, positions_in_rows)
            for table, rows, positions_in_rows in tables
        ]
        logits: dict[str, Tensor] = self.model(
            [features, vectors] if vectors else features, training=True
        )
        return logits

    def _losses(
        self, logits: dict[str, Tensor], batch: BatchShare
    ) -> tuple[Tensor, Tensor]:
        """Computes this process's share of the losses, (T,), and of the penalties.

        The penalties are the sum of the model's and the heads' penalties, a scalar.
        """
        losses = task_losses(
            self.tasks,
            logits_of_sample(self.heads, self.tasks, logits, batch.rows.log_rates),
            batch.rows.labels,
            batch.rows.weights,
            self.label_statistics,
            batch.total_weights,
        )
        # `model.losses` are the penalties of the model's latest call.
        penalties = self.model.losses + penalties_of_heads(
            self.heads, self.tasks, logits, batch
        )
        return losses, sum_of_penalties(
            penalties, batch.is_real, batch.num_rows, self.num_processes
        )


def stacked_gradients(
    tape: tf.GradientTape, summands: list[Tensor], sources: list[Any]
) -> list[Tensor]:
    """Returns the gradients of each source for all summands, (summands, ...).

    If a summand does not depend on a source, the gradient is zeros, not None.
    """
    gradients_by_summand = [
        tape.gradient(summand, sources, unconnected_gradients="zero")
        for summand in summands
    ]
    gradients_by_source = zip(*gradients_by_summand, strict=True)
    return [tf.stack(gradients) for gradients in gradients_by_source]
