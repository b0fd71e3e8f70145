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
from mtl_cli.training.feed import Slab
from mtl_cli.training.large_tables import lazy_tables, split_at_tables
from mtl_cli.training.losses import task_losses

STEPS_A_CALL = 64


# XLA takes about 3 s to compile a PLE, and then takes a third of the time a row: it
# pays back from about this many rows, over all epochs.
ROWS_WORTH_COMPILING = 60_000


def worth_compiling(config: Config, rows: int) -> bool:
    """Whether XLA should compile the steps of a run on so many rows."""
    if config.trainer.compile == "auto":
        return rows * config.trainer.epochs >= ROWS_WORTH_COMPILING
    return config.trainer.compile


class Steps:
    """Trains a network on slabs of rows that lie in the device's memory.

    The order of a slab's rows is cut into batches; a call of the compiled function
    runs up to `STEPS_A_CALL` of them, gathering rows as it goes, so that Python is out
    of the way. The last batch of an epoch is filled up with rows from its slab's
    beginning, whose weight is 0; only batch normalisation sees them, and the momentum
    of lazy tables, which moves the rows of their ids.

    Where several processes train together, each sees its own share of every batch, and
    what they find is summed before the optimizer's step.

    Args:
        config: the run's configuration.
        network: to train.
        rows: training rows.
        replicas: the processes that train together.

    Raises:
        ConfigError: if they cannot share a batch evenly.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        rows: int,
        replicas: Replicas | None = None,
    ) -> None:
        trainer, self.tasks = config.trainer, config.chosen_tasks
        self.seed = config.seed
        self.replicas = replicas or Replicas()
        of = self.replicas.size
        self.batch_size = min(trainer.batch_size, -(-rows // of) * of)
        self.share = self.replicas.rows_per_process(self.batch_size)
        self.per_epoch = -(-rows // self.batch_size)
        self.steps_a_call = min(STEPS_A_CALL, self.per_epoch)
        self.labels = network.labels
        self.tables = lazy_tables(network.logits, config.optimizer)
        self.ids, self.model = split_at_tables(network.logits, self.tables)
        self.task_weights = tf.constant([task.weight for task in self.tasks.values()])
        self.optimizer = config.optimizer.build(trainer.epochs * self.per_epoch)
        self.optimizer.build(self.model.trainable_variables)
        self.clip_norm = self.optimizer.global_clipnorm
        self.optimizer.global_clipnorm = None  # which would not know of the tables
        self.compile_steps = worth_compiling(config, rows)
        self.run = self._function()

    def _function(self) -> Any:
        """Returns the function that runs many steps, not yet traced."""
        alone = self.replicas.size == 1

        def compiled_if(wanted: bool, function: Any) -> Any:
            if not (self.compile_steps and wanted):
                return function
            return tf.function(function, jit_compile=True, autograph=False)

        # XLA would copy a table that it writes to, and knows nothing of other
        # processes; it compiles what lies between.
        self.step = compiled_if(alone and bool(self.tables), self._step)
        self.gradients = compiled_if(not alone, self._gradients)
        self.update = compiled_if(not alone, self._update)
        whole = self.compile_steps and alone and not self.tables
        return tf.function(self._run, jit_compile=whole, autograph=False)

    def _call(self, *arguments: Any) -> Any:
        """Runs many steps; compiles them anew where the kept code is damaged."""
        before = int(self.optimizer.iterations)
        try:
            return self.run(*arguments)
        except tf.errors.OpError:
            if int(self.optimizer.iterations) != before or not compile_cache.clear():
                raise
            self.run = self._function()
            return self.run(*arguments)

    def epoch(
        self, slabs: Iterable[Slab], number: int = 1, done: int = 0
    ) -> Iterator[Any]:
        """Trains on rows once.

        Args:
            slabs: of the rows, each of whole batches but the last.
            number: of the epoch.
            done: steps at the beginning that were taken before.

        Yields: after each call, of its steps the losses and the weights of the rows
            that they are means of, (steps, 2, T); see `losses.mean_losses`.
        """
        before = 0  # steps of earlier slabs
        for slab in slabs:
            shape = (slab.steps + self.steps_a_call, self.share)  # the last is whole
            batches = np.resize(slab.order, shape).astype("int32")
            counts = (np.arange(np.prod(shape)) < slab.rows).reshape(shape)
            for first in range(max(0, done - before), slab.steps, self.steps_a_call):
                call = slice(first, first + self.steps_a_call)
                todo = min(self.steps_a_call, slab.steps - first)
                seeds = [self.seed, number, before + first, self.replicas.rank]
                reseed(self.model, seeds)
                found = self._call(
                    tf.constant(batches[call]),
                    tf.constant(counts[call], tf.float32),
                    tf.constant(todo),
                    *slab.data,
                )
                yield found.numpy()[:todo]
            before += slab.steps

    def _run(
        self,
        batches: Any,
        counts: Any,
        todo: Any,
        features: Any,
        labels: Any,
        weights: Any,
    ) -> Any:
        def take(step: Any, taken: Any) -> tuple[Any, Any]:
            rows, count = batches[step], counts[step]
            batch = {name: tf.gather(x, rows) for name, x in features.items()}
            touched, packed, places = self._read(batch)
            found, packed = self.step(
                batch,
                {task: tf.gather(x, rows) for task, x in labels.items()},
                {task: tf.gather(x, rows) * count for task, x in weights.items()},
                packed,
                places,
            )
            for table, its_rows, new in zip(self.tables, touched, packed, strict=True):
                table.write(its_rows, new)
            return step + 1, tf.tensor_scatter_nd_update(taken, [[step]], [found])

        start = tf.zeros((self.steps_a_call, 2, len(self.tasks)))
        _, taken = tf.while_loop(lambda step, _: step < todo, take, (0, start))
        return taken

    def _read(self, features: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """Returns, by table, the rows of a batch, what they hold, the ids' places."""
        if not self.tables:
            return [], [], []
        ids = self.ids(features)
        ids = ids if isinstance(ids, list) else [ids]
        # A table's rows move by the ids of all processes' shares of the batch.
        found = [
            table.unique_rows(self.replicas.all_gather(x))
            for table, x in zip(self.tables, ids, strict=True)
        ]
        touched, places = map(list, zip(*found, strict=True))
        first = self.replicas.rank * self.share
        mine = [where[first : first + self.share] for where in places]
        packed = [t.read(rows) for t, rows in zip(self.tables, touched, strict=True)]
        return touched, packed, mine

    def _step(
        self,
        features: Any,
        labels: Any,
        weights: Any,
        packed: list[Any],
        places: list[Any],
    ) -> tuple[Any, list[Any]]:
        """Takes one optimizer step.

        Returns: the losses before it and the weights of their rows, (2, T), and the
            tables' rows after it.
        """
        values = [p[:, : t.width] for t, p in zip(self.tables, packed, strict=True)]
        totals = [tf.reduce_sum(weights[task]) for task in self.tasks]
        totals = self.replicas.all_reduce(totals)
        found = self.gradients(features, labels, weights, totals, values, places)
        losses, gradients, of_values = self.replicas.all_reduce(found)
        return tf.stack([losses, totals]), self.update(gradients, of_values, packed)

    def _gradients(
        self,
        features: Any,
        labels: Any,
        weights: Any,
        totals: list[Any],
        values: list[Any],
        places: list[Any],
    ) -> tuple[Any, list[Any], list[Any]]:
        """Returns the losses (T,), and the gradients of weights and of tables' rows."""
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch(values)
            vectors = [
                table.vectors(rows, where)
                for table, rows, where in zip(self.tables, values, places, strict=True)
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
        """Takes the optimizer's step; returns the tables' rows after it."""
        tables = list(zip(self.tables, packed, strict=True))
        of_values = [
            table.add_l2_gradient(gradient, rows[:, : table.width])
            for (table, rows), gradient in zip(tables, of_values, strict=True)
        ]
        if self.clip_norm is not None:
            every, _ = tf.clip_by_global_norm([*gradients, *of_values], self.clip_norm)
            gradients, of_values = every[: len(gradients)], every[len(gradients) :]
        step = tf.convert_to_tensor(self.optimizer.iterations)
        rate = tf.convert_to_tensor(self.optimizer.learning_rate)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return [
            table.updated(rows, gradient, step, rate)
            for (table, rows), gradient in zip(tables, of_values, strict=True)
        ]

    def store(self) -> None:
        """Brings the network up to date with the tables that lie beside it."""
        for table in self.tables:
            table.copy_to_layer()


def reseed(model: keras.Model, seeds: list[int]) -> None:
    """Sets the state of every dropout from numbers that say where a training is.

    Without it the masks depend on how many steps came before, which a resumed run does
    not know (keras #19796).
    """
    generators = [
        layer.seed_generator
        for layer in model._flatten_layers()
        if hasattr(layer, "seed_generator")
    ]
    for i, generator in enumerate(generators):
        words = np.random.SeedSequence([*seeds, i]).generate_state(2)
        generator.state.assign(words.astype("int64") % 2**31)
