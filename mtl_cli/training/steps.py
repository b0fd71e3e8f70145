"""Many optimizer steps in one compiled call."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mtl_cli.config.run_config import Config
from mtl_cli.core import compile_cache
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.network.build import Network
from mtl_cli.training.feed import ShuffleBuffer
from mtl_cli.training.large_tables import lazy_tables, split_at_tables
from mtl_cli.training.losses import task_losses

STEPS_PER_CALL = 64

# XLA takes about 3 s to compile a PLE, which then needs a third of the time per row:
# compiling pays back from about this many rows, over all epochs.
ROWS_WORTH_COMPILING = 60_000


def is_worth_compiling(config: Config, num_rows: int) -> bool:
    """Whether XLA should compile the steps of a run on `num_rows` training rows."""
    if config.trainer.compile == "auto":
        return num_rows * config.trainer.epochs >= ROWS_WORTH_COMPILING
    return config.trainer.compile


class Steps:
    """Trains a network on buffers of rows that lie in the device's memory.

    The order of a buffer's rows is cut into batches. One call of the compiled function
    runs up to `STEPS_PER_CALL` batches and gathers their rows itself, so that Python
    is out of the way. The last batch of an epoch is filled up with rows from the
    beginning of its buffer. These rows have weight 0, so that no loss sees them; batch
    normalisation does, and their ids count as read in lazy tables.

    Where several processes train together, each reads its share of every batch. Their
    losses and gradients are summed before the optimizer's step.

    Args:
        config: the run's configuration.
        network: the network to train.
        num_rows: number of training rows.
        replicas: the processes that train together.

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
        self.seed = config.seed
        self.replicas = replicas or Replicas()
        size = self.replicas.size
        self.batch_size = min(trainer.batch_size, -(-num_rows // size) * size)
        self.share = self.replicas.rows_per_process(self.batch_size)
        self.per_epoch = -(-num_rows // self.batch_size)
        self.steps_per_call = min(STEPS_PER_CALL, self.per_epoch)
        self.labels = network.labels
        self.tables = lazy_tables(network.logits, config.optimizer)
        self.ids, self.model = split_at_tables(network.logits, self.tables)
        self.task_weights = tf.constant([task.weight for task in self.tasks.values()])
        self.optimizer = config.optimizer.build(trainer.epochs * self.per_epoch)
        self.optimizer.build(self.model.trainable_variables)
        # Keras would clip without the gradients of lazy tables.
        self.clip_norm = self.optimizer.global_clipnorm
        self.optimizer.global_clipnorm = None
        self.compile_steps = is_worth_compiling(config, num_rows)
        self.run = self._function()

    def _function(self) -> Any:
        """Returns the function that runs many steps, not yet traced."""
        is_alone = self.replicas.size == 1

        def compiled_if(condition: bool, function: Any) -> Any:
            if not (self.compile_steps and condition):
                return function
            return tf.function(function, jit_compile=True, autograph=False)

        # XLA would copy a table that it writes to, and cannot talk to other processes.
        # It compiles the parts between these operations.
        self.step = compiled_if(is_alone and bool(self.tables), self._step)
        self.gradients = compiled_if(not is_alone, self._gradients)
        self.update = compiled_if(not is_alone, self._update)
        whole = self.compile_steps and is_alone and not self.tables
        return tf.function(self._run, jit_compile=whole, autograph=False)

    def _call(self, *arguments: Any) -> Any:
        """Runs many steps; compiles them again if the cached code is damaged."""
        before = int(self.optimizer.iterations)
        try:
            return self.run(*arguments)
        except tf.errors.OpError:
            if int(self.optimizer.iterations) != before or not compile_cache.clear():
                raise
            self.run = self._function()
            return self.run(*arguments)

    def epoch(
        self, buffers: Iterable[ShuffleBuffer], number: int = 1, done: int = 0
    ) -> Iterator[Any]:
        """Trains on all rows once.

        Args:
            buffers: the rows; all buffers but the last hold whole batches.
            number: number of the epoch, from 1.
            done: number of steps of this epoch that an earlier process has taken.

        Yields: after each call, `(steps, 2, T)`: for each step and task, the loss and
            the sum of the rows' weights; see `losses.mean_losses`.
        """
        steps_before = 0  # in earlier buffers
        for buffer in buffers:
            # Some batches more, so that the last call has as many as all others.
            shape = (buffer.steps + self.steps_per_call, self.share)
            batches = np.resize(buffer.order, shape).astype("int32")
            is_real = (np.arange(np.prod(shape)) < buffer.rows).reshape(shape)
            start = max(0, done - steps_before)
            for first in range(start, buffer.steps, self.steps_per_call):
                call = slice(first, first + self.steps_per_call)
                num_steps = min(self.steps_per_call, buffer.steps - first)
                position = [number, steps_before + first, self.replicas.rank]
                reseed(self.model, [self.seed, *position])
                losses = self._call(
                    tf.constant(batches[call]),
                    tf.constant(is_real[call], tf.float32),
                    tf.constant(num_steps),
                    *buffer.data,
                )
                yield losses.numpy()[:num_steps]
            steps_before += buffer.steps

    def _run(
        self,
        batches: Any,
        is_real: Any,
        num_steps: Any,
        features: Any,
        labels: Any,
        weights: Any,
    ) -> Any:
        def take_step(step: Any, losses: Any) -> tuple[Any, Any]:
            rows, is_real_row = batches[step], is_real[step]
            batch = {name: tf.gather(x, rows) for name, x in features.items()}
            table_rows, packed, positions = self._read_tables(batch)
            loss, packed = self.step(
                batch,
                {task: tf.gather(x, rows) for task, x in labels.items()},
                {task: tf.gather(x, rows) * is_real_row for task, x in weights.items()},
                packed,
                positions,
            )
            for table, its_rows, new in zip(
                self.tables, table_rows, packed, strict=True
            ):
                table.write(its_rows, new)
            return step + 1, tf.tensor_scatter_nd_update(losses, [[step]], [loss])

        start = tf.zeros((self.steps_per_call, 2, len(self.tasks)))
        _, losses = tf.while_loop(
            lambda step, _: step < num_steps, take_step, (0, start)
        )
        return losses

    def _read_tables(self, features: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """Reads the rows of each lazy table that a batch needs.

        Returns: for each table, the numbers of the rows, the rows with their slots, and
            the position of each id of this process among them.
        """
        if not self.tables:
            return [], [], []
        ids = self.ids(features)
        ids = ids if isinstance(ids, list) else [ids]
        # A row changes by the ids of all processes' shares of the batch.
        rows_and_positions = [
            table.unique_rows(self.replicas.all_gather(x))
            for table, x in zip(self.tables, ids, strict=True)
        ]
        rows, positions = map(list, zip(*rows_and_positions, strict=True))
        first = self.replicas.rank * self.share
        own_positions = [p[first : first + self.share] for p in positions]
        packed = [t.read(r) for t, r in zip(self.tables, rows, strict=True)]
        return rows, packed, own_positions

    def _step(
        self,
        features: Any,
        labels: Any,
        weights: Any,
        packed: list[Any],
        positions: list[Any],
    ) -> tuple[Any, list[Any]]:
        """Takes one optimizer step.

        Returns: `(2, T)`, the losses before the step and the sums of the rows' weights;
            and the rows of lazy tables after the step.
        """
        values = [p[:, : t.width] for t, p in zip(self.tables, packed, strict=True)]
        totals = [tf.reduce_sum(weights[task]) for task in self.tasks]
        totals = self.replicas.all_reduce(totals)
        losses, gradients, of_values = self.replicas.all_reduce(
            self.gradients(features, labels, weights, totals, values, positions)
        )
        return tf.stack([losses, totals]), self.update(gradients, of_values, packed)

    def _gradients(
        self,
        features: Any,
        labels: Any,
        weights: Any,
        totals: list[Any],
        values: list[Any],
        positions: list[Any],
    ) -> tuple[Any, list[Any], list[Any]]:
        """Returns losses `(T,)`, and the gradients of weights and of tables' rows."""
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch(values)
            vectors = [
                table.vectors(rows, its_positions)
                for table, rows, its_positions in zip(
                    self.tables, values, positions, strict=True
                )
            ]
            inputs = [features, vectors] if vectors else features
            logits = self.model(inputs, training=True)
            losses = task_losses(
                self.tasks, logits, labels, weights, self.labels, totals
            )
            penalties = tf.add_n([tf.constant(0.0), *self.model.losses])
            total = tf.reduce_sum(losses * self.task_weights)
            total += penalties / self.replicas.size
        gradients, of_values = tape.gradient(total, (variables, values))
        return losses, gradients, of_values

    def _update(
        self, gradients: list[Any], of_values: list[Any], packed: list[Any]
    ) -> list[Any]:
        """Takes the optimizer's step; returns the rows of lazy tables after it."""
        tables = list(zip(self.tables, packed, strict=True))
        of_values = [
            table.add_l2_gradient(gradient, rows[:, : table.width])
            for (table, rows), gradient in zip(tables, of_values, strict=True)
        ]
        if self.clip_norm is not None:
            clipped, _ = tf.clip_by_global_norm(
                [*gradients, *of_values], self.clip_norm
            )
            gradients, of_values = clipped[: len(gradients)], clipped[len(gradients) :]
        step = tf.convert_to_tensor(self.optimizer.iterations)
        rate = tf.convert_to_tensor(self.optimizer.learning_rate)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return [
            table.updated(rows, gradient, step, rate)
            for (table, rows), gradient in zip(tables, of_values, strict=True)
        ]

    def copy_tables_to_network(self) -> None:
        """Brings the network's embedding layers up to date with the lazy tables."""
        for table in self.tables:
            table.copy_to_layer()


def reseed(model: keras.Model, seeds: list[int]) -> None:
    """Sets the state of every dropout from the seed and the step of the training.

    Otherwise the masks would depend on the number of steps since the process began,
    which a resumed run does not share (keras #19796).
    """
    generators = [
        layer.seed_generator
        for layer in model._flatten_layers()
        if hasattr(layer, "seed_generator")
    ]
    for i, generator in enumerate(generators):
        state = np.random.SeedSequence([*seeds, i]).generate_state(2)
        generator.state.assign(state.astype("int64") % 2**31)
