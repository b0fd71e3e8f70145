"""Takes many optimizer steps in one compiled call."""

import math
import time
from collections.abc import Iterable, Iterator

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.config.run_config import Config
from mtl_cli.core import compile_cache
from mtl_cli.core.tensors import Tensor
from mtl_cli.distributed.replicas import Replicas, rows_per_process
from mtl_cli.network.network import Network
from mtl_cli.training.feed import ShuffleBuffer, TensorTable
from mtl_cli.training.id_dropout import IdDropout
from mtl_cli.training.losses import VALUES_PER_TASK
from mtl_cli.training.step import Step

STEPS_PER_CALL = 64

# If all epochs together have at least this number of rows, compiling with XLA saves
# more time than it takes: about 3 s for a PLE, and then it is three times as fast.
ROWS_WORTH_COMPILING = 60_000


class Steps:
    """Trains a network on buffers of rows in the device's memory.

    Each call of the compiled function takes up to `STEPS_PER_CALL` steps, and gathers
    the rows of each batch itself, so that no Python code runs between the steps.

    The last batch of an epoch is filled up with rows from the start of its buffer.
    These rows have weight 0, so they add nothing to a loss. However, they count in
    batch normalisation, and lazy tables update the table rows that they look up.

    Letters in shapes: T is the number of tasks.

    Attributes:
        compile_seconds: the time of tracing and compiling, without the time of parts
            that XLA compiles during the first step.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        num_rows: int,
        replicas: Replicas | None = None,
    ) -> None:
        self.seed = config.seed
        self.tasks = config.chosen_tasks
        self.replicas = replicas or Replicas()  # this process alone
        self.num_rows = num_rows
        self.length = config.training_length(num_rows)
        self.rows_per_process = rows_per_process(
            self.length.batch_size, num_rows, self.replicas.size
        )
        self.batch_size = self.rows_per_process * self.replicas.size
        self.steps_per_epoch = math.ceil(num_rows / self.batch_size)
        self.steps_per_call = min(STEPS_PER_CALL, self.steps_per_epoch)
        self.step = Step(
            config,
            network,
            num_epochs=self.length.epochs,
            steps_per_epoch=self.steps_per_epoch,
            rows_per_process=self.rows_per_process,
            replicas=self.replicas,
        )
        self.tables = self.step.tables
        self.model = self.step.model
        self.optimizer = self.step.optimizer
        self.balancer = self.step.balancer
        self.id_dropout = IdDropout(
            network.dropout_rates, config.seed, self.replicas.rank
        )
        self.use_xla = is_worth_compiling(config, num_rows)
        self.compile_seconds = 0.0
        self._create_functions()

    def epoch(
        self, buffers: Iterable[ShuffleBuffer], number: int = 1, steps_done: int = 0
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Trains on all rows once, except on the rows of the first `steps_done` steps.

        All `buffers` but the last hold whole batches. `number` is the number of the
        epoch, from 1.

        Yields: after each call of the compiled function, the values of its steps,
            (steps, 3, T), in the order of `VALUES_PER_TASK`.
        """
        steps_before = 0  # number of steps in earlier buffers
        for buffer in buffers:
            batches, is_real = self._cut_into_batches(buffer)
            first_step = max(0, steps_done - steps_before)
            for step in range(first_step, buffer.num_steps, self.steps_per_call):
                steps_of_call = slice(step, step + self.steps_per_call)
                # The last call of a buffer may take fewer steps.
                num_steps = min(self.steps_per_call, buffer.num_steps - step)
                seeds = [self.seed, number, steps_before + step, self.replicas.rank]
                reseed(self.model, seeds)
                arguments = (
                    buffer.data,
                    tf.constant(batches[steps_of_call]),
                    tf.constant(is_real[steps_of_call], tf.float32),
                )
                if self.compile_seconds == 0:  # before the first call
                    # The first call compiles, here with 0 steps to measure the time.
                    start = time.perf_counter()
                    self._run_or_recompile(*arguments, tf.constant(0))
                    self.compile_seconds = time.perf_counter() - start
                values = self._run_or_recompile(*arguments, tf.constant(num_steps))
                yield values.numpy()[:num_steps]
            steps_before += buffer.num_steps

    def copy_tables_to_network(self) -> None:
        """Brings the network's embedding layers up to date with the lazy tables."""
        for table in self.tables:
            table.copy_to_layer()

    def _cut_into_batches(
        self, buffer: ShuffleBuffer
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
        """Cuts the order of a buffer's rows into batches.

        All calls need the same shape, so `steps_per_call` batches are added, which no
        step uses.

        Returns: the indices of each batch's rows in the buffer, (batches, rows per
            process); and whether each of these rows is trained on, in the same shape.
        """
        shape = (buffer.num_steps + self.steps_per_call, self.rows_per_process)
        batches = np.resize(buffer.order, shape).astype("int32")
        is_real = (np.arange(np.prod(shape)) < buffer.num_rows).reshape(shape)
        return batches, is_real

    def _run_or_recompile(self, *arguments: Tensor) -> Tensor:
        """Calls `run`; compiles `run` again if the compiled code on disk is damaged."""
        iterations_before = int(self.optimizer.iterations)
        try:
            return self.run(*arguments)
        except tf.errors.OpError:
            has_taken_steps = int(self.optimizer.iterations) != iterations_before
            if has_taken_steps or not compile_cache.clear():
                raise  # damaged code is not the cause of the error
            self._create_functions()
            return self.run(*arguments)

    def _create_functions(self) -> None:
        """Creates the function `run`. XLA compiles all of it, or parts of each step."""
        compile_all = self.use_xla and self.replicas.size == 1 and not self.tables
        self.take_step = self.step.make_take_step(self.use_xla and not compile_all)
        self.run = tf.function(self._run, jit_compile=compile_all, autograph=False)

    def _run(
        self, data: TensorTable, batches: Tensor, is_real: Tensor, num_steps: Tensor
    ) -> Tensor:
        """Takes several steps.

        Args:
            data: the rows of a buffer.
            batches: (steps per call, rows per process), the indices of each batch's
                rows in `data`.
            is_real: in the same shape, 0 for rows that fill up the last batch.
            num_steps: number of steps to take, at most `steps_per_call`.

        Returns: the values of each step, (steps per call, 3, T), in the order of
            `VALUES_PER_TASK`; zeros after the last step.
        """

        def next_step(number: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
            batch = read_batch(data, batches[number], is_real[number])
            step = tf.convert_to_tensor(self.optimizer.iterations)
            batch = batch._replace(features=self.id_dropout.drop(batch.features, step))
            table_rows = self.step.find_table_rows(batch.features)
            tables = list(zip(self.tables, table_rows, strict=True))
            step_values, packed_rows = self.take_step(
                batch,
                is_real[number],
                [table.read(rows.indices) for table, rows in tables],
                [rows.positions for rows in table_rows],
            )
            for (table, rows), packed in zip(tables, packed_rows, strict=True):
                table.write(rows.indices, packed)
            values = tf.tensor_scatter_nd_update(values, [[number]], [step_values])
            return number + 1, values

        zeros = tf.zeros((self.steps_per_call, VALUES_PER_TASK, len(self.tasks)))
        _, values = tf.while_loop(
            lambda number, _: number < num_steps, next_step, (0, zeros)
        )
        return values


def read_batch(data: TensorTable, indices: Tensor, is_real: Tensor) -> TensorTable:
    """Gathers the rows of a batch. Rows that fill up the batch get the weight 0."""
    batch: TensorTable = tf.nest.map_structure(lambda x: tf.gather(x, indices), data)
    weights = {task: x * is_real for task, x in batch.weights.items()}
    return batch._replace(weights=weights)


def reseed(model: keras.Model, seeds: list[int]) -> None:
    """Sets the random state of every layer that draws random values, such as dropout.

    Otherwise the random values would depend on the number of steps since the process
    began, and a resumed run would draw other values (keras #19796).
    """
    generators = [
        layer.seed_generator
        for layer in model._flatten_layers()
        if hasattr(layer, "seed_generator")
    ]
    for i, generator in enumerate(generators):
        state = np.random.SeedSequence([*seeds, i]).generate_state(2)
        generator.state.assign(state.astype("int64") % 2**31)


def is_worth_compiling(config: Config, num_rows: int) -> bool:
    """Whether XLA should compile the steps of a run on `num_rows` training rows."""
    if config.trainer.compile != "auto":
        return config.trainer.compile
    # With `epochs: auto`, a constant learning rate allows more epochs, but early
    # stopping usually ends such a run before. So these epochs do not count here.
    length = config.trainer.length(num_rows, is_rate_constant=False)
    return num_rows * length.epochs >= ROWS_WORTH_COMPILING
