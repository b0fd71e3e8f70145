"""Many optimizer steps in one compiled call."""

from collections.abc import Iterable, Iterator
from functools import partial

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.config.run_config import Config
from mtl_cli.core import compile_cache
from mtl_cli.core.tensors import Tensor
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.network.build import Network
from mtl_cli.training.feed import ShuffleBuffer, TensorTable
from mtl_cli.training.large_tables import lazy_tables, split_at_tables
from mtl_cli.training.losses import sum_of_penalties, task_losses

STEPS_PER_CALL = 64

# XLA takes about 3 s to compile a PLE. The compiled PLE needs a third of the time per
# row. From about this many rows on, over all epochs, this saves more than 3 s.
ROWS_WORTH_COMPILING = 60_000


class Steps:
    """Trains a network on buffers of rows that lie in the device's memory.

    A buffer's rows are cut into batches in the buffer's order. The compiled function
    runs up to `STEPS_PER_CALL` batches in a call and gathers their rows itself, so that
    no Python code runs between the steps. The last batch of an epoch is filled up with
    rows from the start of its buffer. These rows have weight 0, so they add nothing to
    a loss; but batch normalisation sees them, and lazy tables update their ids.

    If several processes train together, each reads its share of every batch. Their
    losses and gradients are summed before the optimizer's step.

    Args:
        config: the run's configuration.
        network: the network to train.
        num_rows: number of training rows.
        replicas: the processes that train together; None if this process is alone.

    Raises:
        ConfigError: if the processes cannot share a batch evenly.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        num_rows: int,
        replicas: Replicas | None = None,
    ) -> None:
        trainer, self.tasks = config.trainer, config.chosen_tasks
        self.heads = config.model.heads_option
        self.seed = config.seed
        self.replicas = replicas or Replicas()
        num_processes = self.replicas.size
        rounded_up = -(-num_rows // num_processes) * num_processes
        self.length = trainer.length(num_rows)
        self.batch_size = min(self.length.batch_size, rounded_up)
        self.rows_per_process = self.replicas.rows_per_process(self.batch_size)
        self.steps_per_epoch = -(-num_rows // self.batch_size)
        self.steps_per_call = min(STEPS_PER_CALL, self.steps_per_epoch)
        self.label_statistics = network.label_statistics
        self.tables = lazy_tables(network.logits, config.optimizer)
        self.ids_model, self.model = split_at_tables(network.logits, self.tables)
        self.task_weights = tf.constant([task.weight for task in self.tasks.values()])
        # A schedule begins anew, though an earlier run's optimizer counts its steps on.
        earlier = network.earlier_optimizer
        self.name = config.optimizer.name
        self.optimizer = config.optimizer.build(
            self.length.epochs * self.steps_per_epoch,
            0 if earlier is None else earlier.step,
        )
        self.optimizer.build(self.model.trainable_variables)
        # Keras would leave the gradients of lazy tables out of the norm; `_update`
        # clips in its place.
        self.clip_norm = self.optimizer.global_clipnorm
        self.optimizer.global_clipnorm = None
        self.use_xla = is_worth_compiling(config, num_rows)
        self._create_functions()

    def epoch(
        self, buffers: Iterable[ShuffleBuffer], number: int = 1, done: int = 0
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Trains on all rows once.

        Args:
            buffers: the rows; all buffers but the last hold whole batches.
            number: number of the epoch, from 1.
            done: number of steps of this epoch that were taken before the run was
                interrupted.

        Yields: after each call, `(steps, 2, T)`: for each step and task, the loss and
            the sum of the rows' weights; see `losses.mean_losses`.
        """
        steps_before = 0  # in earlier buffers
        for buffer in buffers:
            # Batches beyond the last step give all calls one shape. No step uses them.
            shape = (buffer.steps + self.steps_per_call, self.rows_per_process)
            batches = np.resize(buffer.order, shape).astype("int32")
            is_real = (np.arange(np.prod(shape)) < buffer.rows).reshape(shape)
            first_step = max(0, done - steps_before)
            for step in range(first_step, buffer.steps, self.steps_per_call):
                call = slice(step, step + self.steps_per_call)
                num_steps = min(self.steps_per_call, buffer.steps - step)
                position = [number, steps_before + step, self.replicas.rank]
                reseed(self.model, [self.seed, *position])
                losses = self._run_or_recompile(
                    buffer.data,
                    tf.constant(batches[call]),
                    tf.constant(is_real[call], tf.float32),
                    tf.constant(num_steps),
                )
                yield losses.numpy()[:num_steps]
            steps_before += buffer.steps

    def copy_tables_to_network(self) -> None:
        """Brings the network's embedding layers up to date with the lazy tables."""
        for table in self.tables:
            table.copy_to_layer()

    def _run_or_recompile(self, *arguments: Tensor) -> Tensor:
        """Calls `_run`; compiles it again if the compiled code on disk is damaged."""
        steps_before = int(self.optimizer.iterations)
        try:
            return self.run(*arguments)
        except tf.errors.OpError:
            has_run = int(self.optimizer.iterations) != steps_before
            if has_run or not compile_cache.clear():
                raise
            self._create_functions()
            return self.run(*arguments)

    def _create_functions(self) -> None:
        """Creates the functions that XLA compiles at their first call.

        In the simplest case, XLA compiles the whole of `_run`. But XLA would copy a
        lazy table to write to it, and it cannot communicate with other processes. If
        there are lazy tables or other processes, XLA therefore compiles only the parts
        of a step between table accesses and communication.
        """
        is_alone = self.replicas.size == 1
        xla = partial(tf.function, jit_compile=True, autograph=False)
        self.gradients, self.update = self._gradients, self._update
        self.step = self._step
        if self.use_xla and not is_alone:
            self.gradients, self.update = xla(self._gradients), xla(self._update)
        elif self.use_xla and self.tables:
            self.step = xla(self._step)
        compile_all = self.use_xla and is_alone and not self.tables
        self.run = tf.function(self._run, jit_compile=compile_all, autograph=False)

    def _run(
        self, data: TensorTable, batches: Tensor, is_real: Tensor, num_steps: Tensor
    ) -> Tensor:
        """Takes several steps.

        Args:
            data: the rows of a buffer.
            batches: `(steps per call, rows per process)`, row numbers.
            is_real: like `batches`, 1 for rows to train on and 0 for rows that fill up
                the last batch.
            num_steps: number of batches to run.

        Returns: the losses and the sums of weights, `(steps per call, 2, T)`.
        """

        def take_step(step: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
            rows = batches[step]
            batch = tf.nest.map_structure(lambda x: tf.gather(x, rows), data)
            weights = {task: x * is_real[step] for task, x in batch.weights.items()}
            batch = batch._replace(weights=weights)
            table_rows, packed, positions = self._read_tables(batch.features)
            losses_of_step, packed = self.step(batch, is_real[step], packed, positions)
            for table, rows_of_table, new in zip(
                self.tables, table_rows, packed, strict=True
            ):
                table.write(rows_of_table, new)
            losses = tf.tensor_scatter_nd_update(losses, [[step]], [losses_of_step])
            return step + 1, losses

        no_losses = tf.zeros((self.steps_per_call, 2, len(self.tasks)))
        _, losses = tf.while_loop(
            lambda step, _: step < num_steps, take_step, (0, no_losses)
        )
        return losses

    def _read_tables(
        self, features: dict[str, Tensor]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Reads the rows of each lazy table that a batch needs.

        Returns: three lists with one item per table: the row numbers; the rows with
            their slots; and for each id of this process, the index of its row in the
            row numbers.
        """
        if self.ids_model is None:
            return [], [], []
        # Every process updates the rows that any process's share of the batch reads.
        rows_and_positions = [
            table.unique_rows(self.replicas.all_gather(ids))
            for table, ids in zip(
                self.tables, tf.nest.flatten(self.ids_model(features)), strict=True
            )
        ]
        rows, positions = map(list, zip(*rows_and_positions, strict=True))
        first = self.replicas.rank * self.rows_per_process
        own_positions = [p[first : first + self.rows_per_process] for p in positions]
        packed = [t.read(r) for t, r in zip(self.tables, rows, strict=True)]
        return rows, packed, own_positions

    def _step(
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
            packed: the rows that the batch reads of each lazy table, with slots.
            positions: see `_gradients`.

        Returns: `(2, T)`, the losses before the step and the sums of the rows' weights;
            and the rows of lazy tables with their slots after the step.
        """
        values = [p[:, : t.width] for t, p in zip(self.tables, packed, strict=True)]
        sums = [tf.reduce_sum(batch.weights[task]) for task in self.tasks]
        *total_weights, num_rows = self.replicas.all_reduce(
            [*sums, tf.reduce_sum(is_real)]
        )
        losses, gradients, row_gradients = self.replicas.all_reduce(
            self.gradients(batch, is_real, num_rows, total_weights, values, positions)
        )
        new_packed = self.update(gradients, row_gradients, packed)
        return tf.stack([losses, total_weights]), new_packed

    def _gradients(
        self,
        batch: TensorTable,
        is_real: Tensor,
        num_rows: Tensor,
        total_weights: list[Tensor],
        values: list[Tensor],
        positions: list[Tensor],
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Returns the losses `(T,)`, and the gradients of weights and of tables' rows.

        Args:
            batch: this process's share of the batch.
            is_real: see `_step`.
            num_rows: number of real rows in the whole batch.
            total_weights: the sum of each task's weights over the whole batch.
            values: the rows that the batch reads of each lazy table, without slots.
            positions: see `LazyTable.vectors`; one tensor per lazy table.
        """
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch(values)
            vectors = [
                table.vectors(rows, positions_in_rows)
                for table, rows, positions_in_rows in zip(
                    self.tables, values, positions, strict=True
                )
            ]
            inputs = [batch.features, vectors] if vectors else batch.features
            logits = self.model(inputs, training=True)
            losses = task_losses(
                self.tasks,
                logits,
                batch.labels,
                batch.weights,
                self.label_statistics,
                total_weights,
            )
            total = tf.reduce_sum(losses * self.task_weights)
            penalties = list(self.model.losses)
            of_rows = self.heads.row_penalty(logits, self.tasks)
            if of_rows is not None:
                penalties.append(of_rows / num_rows)
            total += sum_of_penalties(penalties, is_real, self.replicas.size)
        gradients, row_gradients = tape.gradient(total, (variables, values))
        return losses, gradients, row_gradients

    def _update(
        self,
        gradients: list[Tensor],
        row_gradients: list[Tensor],
        packed: list[Tensor],
    ) -> list[Tensor]:
        """Takes the optimizer's step; returns the rows of lazy tables after it."""
        tables = list(zip(self.tables, packed, strict=True))
        row_gradients = [
            table.add_l2_gradient(gradient, rows[:, : table.width])
            for (table, rows), gradient in zip(tables, row_gradients, strict=True)
        ]
        if self.clip_norm is not None:
            gradients, row_gradients = tf.nest.pack_sequence_as(
                (gradients, row_gradients),
                tf.clip_by_global_norm([*gradients, *row_gradients], self.clip_norm)[0],
            )
        step = tf.convert_to_tensor(self.optimizer.iterations)
        rate = tf.convert_to_tensor(self.optimizer.learning_rate)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return [
            table.updated(rows, gradient, step, rate)
            for (table, rows), gradient in zip(tables, row_gradients, strict=True)
        ]


def is_worth_compiling(config: Config, num_rows: int) -> bool:
    """Whether XLA should compile the steps of a run on `num_rows` training rows."""
    if config.trainer.compile == "auto":
        return num_rows * config.trainer.length(num_rows).epochs >= ROWS_WORTH_COMPILING
    return config.trainer.compile


def reseed(model: keras.Model, seeds: list[int]) -> None:
    """Sets the random state of every dropout layer from some numbers.

    Without this, the masks would depend on the number of steps since the process began,
    which differs in a resumed run (keras #19796).
    """
    generators = [
        layer.seed_generator
        for layer in model._flatten_layers()
        if hasattr(layer, "seed_generator")
    ]
    for i, generator in enumerate(generators):
        state = np.random.SeedSequence([*seeds, i]).generate_state(2)
        generator.state.assign(state.astype("int64") % 2**31)
