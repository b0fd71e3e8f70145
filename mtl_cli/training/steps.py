"""Many optimizer steps in one compiled call."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mtl_cli import compiled
from mtl_cli.build import Network
from mtl_cli.tasks import Task
from mtl_cli.training.feed import Slab
from mtl_cli.training.lazy import LazyTable, without
from mtl_cli.training.losses import task_losses

STEPS_A_CALL = 64


class Steps:
    """Trains a network on slabs of rows that lie in the device's memory.

    The order of a slab's rows is cut into batches; a call of the compiled function
    runs up to `STEPS_A_CALL` of them, gathering rows as it goes, so that Python is out
    of the way. The last batch of an epoch is filled up with rows from its slab's
    beginning, whose weight is 0; only batch normalisation sees them.

    Args:
        network: to train.
        tasks: whose losses are minimised.
        optimizer: a Keras optimizer.
        rows: training rows.
        batch_size: rows a step.
        compile_steps: whether XLA compiles the steps.
        tables: embedding tables that are updated apart from the optimizer.
    """

    def __init__(
        self,
        network: Network,
        tasks: dict[str, Task],
        optimizer: Any,
        rows: int,
        batch_size: int,
        compile_steps: bool,
        tables: Sequence[LazyTable] = (),
    ) -> None:
        self.tables = tables
        self.ids, self.model = without(network.logits, tables)
        self.labels = network.labels
        self.optimizer = optimizer
        self.batch_size = min(batch_size, rows)
        self.per_epoch = -(-rows // self.batch_size)
        self.steps_a_call = min(STEPS_A_CALL, self.per_epoch)
        self.tasks = tasks
        self.task_weights = tf.constant([task.weight for task in tasks.values()])
        optimizer.build(self.model.trainable_variables)
        self.clip_norm = optimizer.global_clipnorm
        optimizer.global_clipnorm = None  # which would not know of the tables
        self.compile_steps = compile_steps
        self.run = self._function()

    def _function(self) -> Any:
        """Returns the function that runs many steps, not yet traced."""
        # XLA would copy a table that it writes to, so it compiles what lies between.
        whole = self.compile_steps and not self.tables
        self.step = self._step
        if self.compile_steps and self.tables:
            self.step = tf.function(self._step, jit_compile=True, autograph=False)
        return tf.function(self._run, jit_compile=whole, autograph=False)

    def _call(self, *arguments: Any) -> Any:
        """Runs many steps; compiles them anew where the kept code is damaged."""
        before = int(self.optimizer.iterations)
        try:
            return self.run(*arguments)
        except tf.errors.OpError:
            if int(self.optimizer.iterations) != before or not compiled.forget():
                raise
            self.run = self._function()
            return self.run(*arguments)

    def epoch(self, slabs: Iterable[Slab], done: int = 0) -> Iterator[Any]:
        """Trains on rows once.

        Args:
            slabs: of the rows, each of whole batches but the last.
            done: steps at the beginning that were taken before.

        Yields: after each call, the losses of its steps, (steps, T).
        """
        for slab in slabs:
            rows, size = len(slab.order), self.batch_size
            steps = -(-rows // size)
            shape = (steps + self.steps_a_call, size)  # the last call is whole too
            batches = np.resize(slab.order, shape).astype("int32")
            counts = (np.arange(np.prod(shape)) < rows).reshape(shape)
            for first in range(done, steps, self.steps_a_call):
                call = slice(first, first + self.steps_a_call)
                todo = min(self.steps_a_call, steps - first)
                losses = self._call(
                    tf.constant(batches[call]),
                    tf.constant(counts[call], tf.float32),
                    tf.constant(todo),
                    *slab.data,
                )
                yield losses.numpy()[:todo]
            done = max(0, done - steps)

    def _run(
        self,
        batches: Any,
        counts: Any,
        todo: Any,
        features: Any,
        labels: Any,
        weights: Any,
    ) -> Any:
        def take(step: Any, losses: Any) -> tuple[Any, Any]:
            rows, count = batches[step], counts[step]
            batch = {name: tf.gather(x, rows) for name, x in features.items()}
            touched, packed, places = self._read(batch)
            loss, packed = self.step(
                batch,
                {task: tf.gather(x, rows) for task, x in labels.items()},
                {task: tf.gather(x, rows) * count for task, x in weights.items()},
                packed,
                places,
            )
            for table, its_rows, new in zip(self.tables, touched, packed, strict=True):
                table.write(its_rows, new)
            return step + 1, tf.tensor_scatter_nd_update(losses, [[step]], [loss])

        start = tf.zeros((self.steps_a_call, len(self.tasks)))
        _, losses = tf.while_loop(lambda step, _: step < todo, take, (0, start))
        return losses

    def _read(self, features: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """Returns, by table, the rows of a batch, what they hold, the ids' places."""
        if not self.tables:
            return [], [], []
        ids = self.ids(features)
        ids = ids if isinstance(ids, list) else [ids]
        found = [t.touched(x) for t, x in zip(self.tables, ids, strict=True)]
        touched, places = map(list, zip(*found, strict=True))
        packed = [t.read(rows) for t, rows in zip(self.tables, touched, strict=True)]
        return touched, packed, places

    def _step(
        self,
        features: Any,
        labels: Any,
        weights: Any,
        packed: list[Any],
        places: list[Any],
    ) -> tuple[Any, list[Any]]:
        """Takes one optimizer step.

        Returns: the losses before it, (T,), and the tables' rows after it.
        """
        values = [p[:, : t.width] for t, p in zip(self.tables, packed, strict=True)]
        losses, gradients, of_values = self._gradients(
            features, labels, weights, values, places
        )
        if self.clip_norm is not None:
            every, _ = tf.clip_by_global_norm([*gradients, *of_values], self.clip_norm)
            gradients, of_values = every[: len(gradients)], every[len(gradients) :]
        step = tf.convert_to_tensor(self.optimizer.iterations)
        rate = tf.convert_to_tensor(self.optimizer.learning_rate)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        packed = [
            table.moved(rows, gradient, step, rate)
            for table, rows, gradient in zip(
                self.tables, packed, of_values, strict=True
            )
        ]
        return losses, packed

    def _gradients(
        self,
        features: Any,
        labels: Any,
        weights: Any,
        values: list[Any],
        places: list[Any],
    ) -> tuple[Any, list[Any], list[Any]]:
        """Returns the losses (T,), and the gradients of weights and of tables' rows."""
        variables = self.model.trainable_variables
        tables = list(zip(self.tables, values, strict=True))
        with tf.GradientTape() as tape:
            tape.watch(values)
            vectors = [
                table.vectors(rows, where)
                for (table, rows), where in zip(tables, places, strict=True)
            ]
            inputs = [features, vectors] if vectors else features
            logits = self.model(inputs, training=True)
            losses = task_losses(self.tasks, logits, labels, weights, self.labels)
            penalties = tf.add_n([tf.constant(0.0), *self.model.losses])
            total = tf.reduce_sum(losses * self.task_weights) + penalties
        gradients, of_values = tape.gradient(total, (variables, values))
        of_values = [
            table.penalized(gradient, rows)
            for (table, rows), gradient in zip(tables, of_values, strict=True)
        ]
        return losses, gradients, of_values

    def store(self) -> None:
        """Brings the network up to date with the tables that lie beside it."""
        for table in self.tables:
            table.store()


def seed_generators(model: keras.Model) -> list[Any]:
    """Returns what draws the masks of every dropout."""
    return [
        layer.seed_generator
        for layer in model._flatten_layers()
        if hasattr(layer, "seed_generator")
    ]


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Sets the state of every dropout from the run's seed and the epoch.

    Without it the masks of an epoch depend on how many steps came before, which a
    resumed run does not know (keras #19796).
    """
    for i, generator in enumerate(seed_generators(model)):
        words = np.random.SeedSequence([seed, epoch, i]).generate_state(2)
        generator.state.assign(words.astype("int64") % 2**31)
