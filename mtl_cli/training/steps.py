"""Many optimizer steps in one compiled call."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mtl_cli.build import Network
from mtl_cli.tasks import Task
from mtl_cli.training.feed import Slab
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
        compiled: whether XLA compiles the steps.
    """

    def __init__(
        self,
        network: Network,
        tasks: dict[str, Task],
        optimizer: Any,
        rows: int,
        batch_size: int,
        compiled: bool,
    ) -> None:
        self.model = network.logits
        self.labels = network.labels
        self.optimizer = optimizer
        self.batch_size = min(batch_size, rows)
        self.per_epoch = -(-rows // self.batch_size)
        self.steps_a_call = min(STEPS_A_CALL, self.per_epoch)
        self.tasks = tasks
        self.task_weights = tf.constant([task.weight for task in tasks.values()])
        optimizer.build(self.model.trainable_variables)
        self.run = tf.function(self._run, jit_compile=compiled)

    def epoch(self, slabs: Iterable[Slab]) -> Iterator[Any]:
        """Trains on rows once.

        Args:
            slabs: of the rows, each of whole batches but the last.

        Yields: after each call, the losses of its steps, (steps, T).
        """
        for slab in slabs:
            rows, size = len(slab.order), self.batch_size
            steps = -(-rows // size)
            calls = -(-steps // self.steps_a_call)
            shape = (calls, self.steps_a_call, size)
            batches = np.resize(slab.order, shape).astype("int32")
            counts = (np.arange(np.prod(shape)) < rows).reshape(shape)
            for call in range(calls):
                todo = min(self.steps_a_call, steps - call * self.steps_a_call)
                losses = self.run(
                    tf.constant(batches[call]),
                    tf.constant(counts[call], tf.float32),
                    tf.constant(todo),
                    *slab.data,
                )
                yield losses.numpy()[:todo]

    def _run(
        self,
        batches: Any,
        counts: Any,
        todo: Any,
        features: Any,
        labels: Any,
        weights: Any,
    ) -> Any:
        losses = tf.zeros((self.steps_a_call, len(self.tasks)))
        step = tf.constant(0)
        while step < todo:
            rows, count = batches[step], counts[step]
            loss = self._step(
                {name: tf.gather(x, rows) for name, x in features.items()},
                {task: tf.gather(x, rows) for task, x in labels.items()},
                {task: tf.gather(x, rows) * count for task, x in weights.items()},
            )
            losses = tf.tensor_scatter_nd_update(losses, [[step]], [loss])
            step += 1
        return losses

    def _step(self, features: Any, labels: Any, weights: Any) -> Any:
        """Takes one optimizer step; returns the losses before it, (T,)."""
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.model(features, training=True)
            losses = task_losses(self.tasks, logits, labels, weights, self.labels)
            penalties = tf.add_n([tf.constant(0.0), *self.model.losses])
            total = tf.reduce_sum(losses * self.task_weights) + penalties
        self.optimizer.apply(tape.gradient(total, variables), variables)
        return losses


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Sets the state of every dropout from the run's seed and the epoch.

    Without it the masks of an epoch depend on how many steps came before, which a
    resumed run does not know (keras #19796).
    """
    generators = [
        layer.seed_generator
        for layer in model._flatten_layers()
        if hasattr(layer, "seed_generator")
    ]
    for i, generator in enumerate(generators):
        words = np.random.SeedSequence([seed, epoch, i]).generate_state(2)
        generator.state.assign(words.astype("int64") % 2**31)
