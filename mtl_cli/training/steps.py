"""Takes many optimizer steps in one compiled call."""

import time
from collections.abc import Iterable, Iterator

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.config.run_config import Config
from mtl_cli.core import compile_cache
from mtl_cli.core.tensors import Tensor
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.network.network import Network
from mtl_cli.training.feed import ShuffleBuffer, TensorTable
from mtl_cli.training.losses import VALUES_PER_TASK
from mtl_cli.training.step import Step

STEPS_PER_CALL = 64

# XLA takes about 3 s to compile a PLE. The compiled PLE then needs only a third of the
# time per row. If the rows of all epochs together are more than this, compiling saves
# more time than it takes.
ROWS_WORTH_COMPILING = 60_000


class Steps:
    """Trains a network on buffers of rows in the device's memory.

    The rows of a buffer are cut into batches in the buffer's order. Each call of the
    compiled function takes up to `STEPS_PER_CALL` steps, and gathers the rows of each
    batch itself, so that no Python code runs between the steps.

    The last batch of an epoch is filled up with rows from the start of its buffer.
    These rows have weight 0, so they add nothing to a loss. However, batch
    normalisation counts them, and the step updates their rows of lazy tables.

    Letters in shapes: T is the number of tasks.

    Attributes:
        compile_seconds: the time of tracing and compiling. It lacks the parts that XLA
            compiles in the first step itself, for lazy tables and several processes.

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
        self.seed, self.tasks = config.seed, config.chosen_tasks
        self.replicas = replicas or Replicas()
        self.num_rows = num_rows
        num_processes = self.replicas.size
        # A batch is never larger than all rows, rounded up to whole rows per process.
        max_batch_size = -(-num_rows // num_processes) * num_processes
        self.length = config.trainer.length(num_rows)
        self.batch_size = min(self.length.batch_size, max_batch_size)
        self.rows_per_process = self.replicas.rows_per_process(self.batch_size)
        self.steps_per_epoch = -(-num_rows // self.batch_size)  # rounded up
        self.steps_per_call = min(STEPS_PER_CALL, self.steps_per_epoch)
        self.step = Step(
            config,
            network,
            self.length.epochs,
            self.steps_per_epoch,
            self.rows_per_process,
            self.replicas,
        )
        self.tables, self.model = self.step.tables, self.step.model
        self.optimizer_name = config.optimizer.name
        self.optimizer = self.step.optimizer
        self.balancer = self.step.balancer
        self.use_xla = is_worth_compiling(config, num_rows)
        self.compile_seconds = 0.0
        self._create_functions()

    def epoch(
        self, buffers: Iterable[ShuffleBuffer], number: int = 1, steps_done: int = 0
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Trains on all rows once, except on those of the `steps_done` first steps.

        Args:
            buffers: the rows; all buffers but the last hold whole batches.
            number: number of the epoch, from 1.
            steps_done: number of steps that were taken before an interruption.

        Yields: after each call of the compiled function, (steps, 3, T): the
            first value that `Step.take` returns, for each step.
        """
        steps_before = 0  # number of steps in earlier buffers
        for buffer in buffers:
            # All calls need the same shape, so batches are added after the last one. No
            # step uses them.
            shape = (buffer.steps + self.steps_per_call, self.rows_per_process)
            batches = np.resize(buffer.order, shape).astype("int32")
            is_real = (np.arange(np.prod(shape)) < buffer.num_rows).reshape(shape)
            first_step = max(0, steps_done - steps_before)
            for step in range(first_step, buffer.steps, self.steps_per_call):
                steps_of_call = slice(step, step + self.steps_per_call)
                num_steps = min(self.steps_per_call, buffer.steps - step)
                position = [number, steps_before + step, self.replicas.rank]
                reseed(self.model, [self.seed, *position])
                arguments = (
                    buffer.data,
                    tf.constant(batches[steps_of_call]),
                    tf.constant(is_real[steps_of_call], tf.float32),
                )
                if not self.compile_seconds:
                    start = time.perf_counter()
                    # The first call compiles. This call takes 0 steps.
                    self._run_or_recompile(*arguments, tf.constant(0))
                    self.compile_seconds = time.perf_counter() - start
                losses = self._run_or_recompile(*arguments, tf.constant(num_steps))
                yield losses.numpy()[:num_steps]
            steps_before += buffer.steps

    def copy_tables_to_network(self) -> None:
        """Brings the network's embedding layers up to date with the lazy tables."""
        for table in self.tables:
            table.copy_to_layer()

    def _run_or_recompile(self, *arguments: Tensor) -> Tensor:
        """Calls `run`; compiles it again if the compiled code on disk is damaged."""
        iterations_before = int(self.optimizer.iterations)
        try:
            return self.run(*arguments)
        except tf.errors.OpError:
            has_taken_steps = int(self.optimizer.iterations) != iterations_before
            if has_taken_steps or not compile_cache.clear():
                raise  # the error has another cause
            self._create_functions()
            return self.run(*arguments)

    def _create_functions(self) -> None:
        """Creates the function `run`. The first call compiles the function.

        XLA compiles all of `run`, unless there are lazy tables or other processes: then
        XLA compiles only parts of a step, see `Step.compile`.
        """
        compile_all = self.use_xla and self.replicas.size == 1 and not self.tables
        self.step.compile(self.use_xla and not compile_all)
        self.run = tf.function(self._run, jit_compile=compile_all, autograph=False)

    def _run(
        self, data: TensorTable, batches: Tensor, is_real: Tensor, num_steps: Tensor
    ) -> Tensor:
        """Takes several steps.

        Args:
            data: the rows of a buffer.
            batches: (steps per call, rows per process), the indices of each batch's
                rows in `data`.
            is_real: 1 for rows to train on and 0 for rows that fill up the last batch,
                in the shape of `batches`.
            num_steps: number of steps to take, at most `steps_per_call`.

        Returns: the values that `Step.take` returns for each step, (steps per call, 3,
            T); zeros after the last step.
        """

        def take_step(number: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
            rows, is_real_row = batches[number], is_real[number]
            batch = tf.nest.map_structure(lambda x: tf.gather(x, rows), data)
            weights = {task: x * is_real_row for task, x in batch.weights.items()}
            batch = batch._replace(weights=weights)
            table_rows, packed, positions = self.step.read_tables(batch.features)
            taken, packed = self.step.take(batch, is_real_row, packed, positions)
            tables = zip(self.tables, table_rows, packed, strict=True)
            for table, rows_of_table, new_rows in tables:
                table.write(rows_of_table, new_rows)
            losses = tf.tensor_scatter_nd_update(losses, [[number]], [taken])
            return number + 1, losses

        no_losses = tf.zeros((self.steps_per_call, VALUES_PER_TASK, len(self.tasks)))
        _, losses = tf.while_loop(
            lambda number, _: number < num_steps, take_step, (0, no_losses)
        )
        return losses


def reseed(model: keras.Model, seeds: list[int]) -> None:
    """Sets the random state of every layer that draws random values, such as dropout.

    Otherwise the dropout masks would depend on the number of steps since the process
    began. A resumed run would then draw other masks (keras #19796).
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
    if config.trainer.compile == "auto":
        return num_rows * config.trainer.length(num_rows).epochs >= ROWS_WORTH_COMPILING
    return config.trainer.compile
