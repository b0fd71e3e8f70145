"""Takes one optimizer step: from a batch of rows to new weights."""

from functools import partial

import keras
import tensorflow as tf

from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import Tensor
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.network.network import Network
from mtl_cli.training.balancer import Balancer
from mtl_cli.training.feed import TensorTable
from mtl_cli.training.lazy_tables import make_lazy_tables
from mtl_cli.training.losses import (
    logits_of_sample,
    penalties_of_heads,
    sum_of_penalties,
    task_losses,
)


class Step:
    """Takes one optimizer step on one batch.

    If several processes train together, each process reads its share of the batch. The
    losses and gradients of all processes are summed before the optimizer changes the
    weights.

    Letters in shapes: T is the number of tasks.

    Attributes:
        tables: the lazy tables. A step reads and writes only some of their rows.
        model: the network without the lazy tables. The model's inputs are the features,
            and the vectors from the lazy tables if there are any. The outputs are the
            logits.
        optimizer: the Keras optimizer of all weights except the lazy tables.
        balancer: the method that balances the tasks, with its state.
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
        self.heads = config.model.heads_option
        self.rows_per_process = rows_per_process
        self.replicas = replicas
        self.label_statistics = network.label_statistics
        self.tables = make_lazy_tables(network.logits, config.optimizer)
        self.ids_model = None
        self.model = network.logits
        if self.tables:
            # The network is cut at the tables into two models: the first model computes
            # the ids to look up, and the second the logits from the vectors.
            layers = [table.layer for table in self.tables]
            ids = [layer.input for layer in layers]
            vectors = [layer.output for layer in layers]
            inputs = network.logits.input
            self.ids_model = keras.Model(inputs, ids)
            self.model = keras.Model([inputs, vectors], network.logits.output)
        self.task_weights = tf.constant([task.weight for task in self.tasks.values()])
        # A run that starts from an earlier run's optimizer continues the count of the
        # optimizer's steps, but begins the schedule of the learning rate anew.
        earlier = network.earlier_optimizer
        first_step = 0 if earlier is None else earlier.step
        total_steps = num_epochs * steps_per_epoch
        self.optimizer = config.optimizer.build(total_steps, first_step)
        self.optimizer.build(self.model.trainable_variables)
        # Keras does not know the gradients of lazy tables, so a norm that Keras
        # computes would lack these gradients. Therefore `_update` clips all gradients,
        # and Keras clips none.
        self.clip_norm = self.optimizer.global_clipnorm
        self.optimizer.global_clipnorm = None
        self.balancer = Balancer(
            config,
            self.model.trainable_variables,
            len(self.tables),
            steps_per_epoch,
            first_step,
        )

    def compile(self, compile_parts: bool) -> None:
        """Lets XLA compile those parts of a step that it can compile.

        XLA would copy a whole lazy table in order to write to the table. XLA also
        cannot communicate with other processes. Therefore XLA compiles only the parts
        of a step that do neither, at their first call. `Steps` compiles a step without
        lazy tables and without other processes as a whole: then, and without XLA,
        `compile_parts` is False.
        """
        xla = partial(tf.function, jit_compile=True, autograph=False)
        self.gradients, self.update = self._gradients, self._update
        self.take = self._take
        if compile_parts and self.replicas.size > 1:
            self.gradients, self.update = xla(self._gradients), xla(self._update)
        elif compile_parts and self.tables:
            self.take = xla(self._take)

    def read_tables(
        self, features: dict[str, Tensor]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Reads the rows of each lazy table that a batch needs.

        Returns: three lists with one item per table: the indices of the rows; the rows
            with their slots, see `LazyTable.packed`; and for each id in this process's
            share of the batch, the position of the id's row among these rows.
        """
        if self.ids_model is None:
            return [], [], []
        # Each process holds the whole table. So each process updates the rows that
        # the whole batch reads, not only the rows that its own share reads.
        start = self.replicas.rank * self.rows_per_process
        share = slice(start, start + self.rows_per_process)
        ids_by_table = tf.nest.flatten(self.ids_model(features))
        rows, packed, positions = [], [], []
        for table, ids in zip(self.tables, ids_by_table, strict=True):
            rows_of_table, all_positions = table.unique_rows(
                self.replicas.all_gather(ids)
            )
            rows.append(rows_of_table)
            packed.append(table.read(rows_of_table))
            positions.append(all_positions[share])
        return rows, packed, positions

    def _take(
        self,
        batch: TensorTable,
        is_real: Tensor,
        packed: list[Tensor],
        positions: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        """Takes one optimizer step.

        Args:
            batch: this process's share of the batch.
            is_real: (rows,), 0 for rows that fill up the last batch, 1 for all others.
            packed: the second list that `read_tables` returns.
            positions: the third list that `read_tables` returns.

        Returns: two values. The first has the shape (3, T): the losses before the step,
            the sums of the rows' weights, and the weights that the balancing method has
            given the tasks. The second is `packed` after the step.
        """
        # The rows without their slots.
        values = [p[:, : t.width] for t, p in zip(self.tables, packed, strict=True)]
        sums = [tf.reduce_sum(batch.weights[task]) for task in self.tasks]
        sums.append(tf.reduce_sum(is_real))
        *total_weights, num_rows = self.replicas.all_reduce(sums)
        losses, gradients, row_gradients = self.replicas.all_reduce(
            self.gradients(batch, is_real, num_rows, total_weights, values, positions)
        )
        total_weights = tf.stack(total_weights)
        step = tf.convert_to_tensor(self.optimizer.iterations)
        task_weights, balanced = self.balancer.balance(
            losses, total_weights, step, [*gradients, *row_gradients]
        )
        gradients = balanced[: len(gradients)]
        row_gradients = balanced[len(gradients) :]
        new_packed = self.update(gradients, row_gradients, packed)
        return tf.stack([losses, total_weights, task_weights]), new_packed

    def _gradients(
        self,
        batch: TensorTable,
        is_real: Tensor,
        num_rows: Tensor,
        total_weights: list[Tensor],
        values: list[Tensor],
        positions: list[Tensor],
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Computes this process's share of the losses and of the gradients.

        The shares of all processes add up to the losses and gradients of the batch. See
        `_take` for the other arguments.

        Args:
            num_rows: number of rows in the whole batch that are trained on.
            total_weights: the sum of each task's row weights over the whole batch.
            values: the rows of each lazy table that the batch reads, without slots.

        Returns: the losses, (T,); the gradients of the model's variables; and the
            gradients of `values`. If the balancing method reads gradients, each
            gradient has the shape (T + 1, ...): one gradient per task, then the
            gradient of the penalties.
        """
        variables = self.model.trainable_variables
        reads_gradients = self.balancer.reads_gradients
        with tf.GradientTape(persistent=reads_gradients) as tape:
            tape.watch(values)
            tables = zip(self.tables, values, positions, strict=True)
            vectors = [
                table.vectors(rows, row_positions)
                for table, rows, row_positions in tables
            ]
            inputs = [batch.features, vectors] if vectors else batch.features
            logits = self.model(inputs, training=True)
            losses = task_losses(
                self.tasks,
                logits_of_sample(self.heads, self.tasks, logits, batch.log_rates),
                batch.labels,
                batch.weights,
                self.label_statistics,
                total_weights,
            )
            task_weights = self.task_weights * self.balancer.loss_weights()
            weighted_losses = losses * task_weights
            summands = tf.unstack(weighted_losses)
            penalties = self.model.losses + penalties_of_heads(
                self.heads, self.tasks, logits, batch, total_weights, num_rows
            )
            penalty = sum_of_penalties(penalties, is_real, self.replicas.size)
            total = tf.reduce_sum(weighted_losses) + penalty
        if not reads_gradients:
            gradients, row_gradients = tape.gradient(total, (variables, values))
            return losses, gradients, row_gradients
        sources = [*(variable.value for variable in variables), *values]
        gradients_by_summand = [
            tape.gradient(x, sources, unconnected_gradients="zero")
            for x in [*summands, penalty]
        ]
        gradients_by_source = zip(*gradients_by_summand, strict=True)
        stacked = [tf.stack(gradients) for gradients in gradients_by_source]
        return losses, stacked[: len(variables)], stacked[len(variables) :]

    def _update(
        self, gradients: list[Tensor], row_gradients: list[Tensor], packed: list[Tensor]
    ) -> list[Tensor]:
        """Clips the gradients, changes the variables, and returns the new `packed`."""
        tables = list(zip(self.tables, packed, strict=True))
        row_gradients = [
            table.add_l2_gradient(gradient, rows[:, : table.width])
            for (table, rows), gradient in zip(tables, row_gradients, strict=True)
        ]
        if self.clip_norm is not None:
            all_gradients = [*gradients, *row_gradients]
            clipped, _ = tf.clip_by_global_norm(all_gradients, self.clip_norm)
            gradients = clipped[: len(gradients)]
            row_gradients = clipped[len(gradients) :]
        # `apply` counts the step, so both values are read before the call.
        step = tf.convert_to_tensor(self.optimizer.iterations)
        rate = tf.convert_to_tensor(self.optimizer.learning_rate)
        if gradients:
            self.optimizer.apply(gradients, self.model.trainable_variables)
        else:  # Keras does not count a step without gradients.
            self.optimizer.iterations.assign_add(1)
        return [
            table.apply_gradient(rows, gradient, step, rate)
            for (table, rows), gradient in zip(tables, row_gradients, strict=True)
        ]
