"""Embedding tables whose update costs what the batch touches, not what the table holds.

The rows of a batch are read before the step and written after it, so that the step
itself, which XLA compiles, sees the rows of the batch and not the table.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mtl_cli.layers import FusedEmbedding
from mtl_cli.layers.embedding import gathered
from mtl_cli.optimizers.base import SGD, Adagrad, Adam, AdamW, Optimizer, RowwiseAdagrad

# A dense update of so many numbers takes about as long as a step of a small network.
LARGE = 1_000_000


class LazyTable:
    """An embedding table, and what its optimizer remembers of each row beside it.

    What belongs to a row lies together, so that memory, which is what a large table
    costs, is touched once to read it and once to write it. A row of zeros at the end is
    the padding of batches that touch fewer rows than they have ids. The layer's own
    table is behind until `store`.

    Args:
        layer: that holds the table.
        optimizer: how it is updated.
    """

    def __init__(self, layer: FusedEmbedding, optimizer: Optimizer) -> None:
        self.layer = layer
        self.optimizer = optimizer
        self.size, self.width = layer.table.shape
        self.widths = [width or self.width for width, _ in slots_of(optimizer)]
        starts = [
            np.full(width, start, "float32")
            for width, (_, start) in zip(self.widths, slots_of(optimizer), strict=True)
        ]
        slots = np.concatenate([*starts, np.zeros(0, "float32")])
        packed = tf.concat(
            [layer.table.value, tf.tile(slots[None], (self.size, 1))], axis=1
        )
        self.packed = tf.Variable(tf.pad(packed, [[0, 1], [0, 0]]))

    def touched(self, ids: Any) -> tuple[Any, Any]:
        """Returns which rows a batch's ids touch, and the place of each id there.

        Args:
            ids: (batch, columns).

        Returns: each row once, padded, (batch * columns,); places (batch, columns).
        """
        rows = self.layer.rows(ids)
        each, places = tf.unique(tf.reshape(rows, [-1]))
        missing = tf.size(rows) - tf.size(each)
        each = tf.pad(each, [[0, missing]], constant_values=self.size)
        each.set_shape([rows.shape.num_elements()])
        return each, tf.reshape(places, rows.shape)

    def read(self, rows: Any) -> Any:
        """Returns rows with their slots, (n, width + slots)."""
        return tf.gather(self.packed, rows)

    def write(self, rows: Any, packed: Any) -> None:
        """Replaces rows and their slots."""
        # Several times as fast as adding in place.
        self.packed.scatter_update(tf.IndexedSlices(packed, rows))

    def vectors(self, values: Any, places: Any) -> Any:
        """Returns the layer's output.

        Args:
            values: of the rows that a batch touches, (n, width).
            places: of its ids among them, (batch, columns).
        """
        return self.layer.arrange(gathered(values, places))

    def penalized(self, gradient: Any, values: Any) -> Any:
        """Adds the gradient of the L2 penalty on the rows that a batch touches.

        Where it touches all, it is the dense one.
        """
        return gradient + 2 * self.layer.l2 * values if self.layer.l2 else gradient

    def moved(self, packed: Any, gradient: Any, step: Any, rate: Any) -> Any:
        """Takes an optimizer's step on some rows.

        Args:
            packed: the rows with their slots, (n, width + slots).
            gradient: (n, width).
            step: number of steps before.
            rate: the learning rate.

        Returns: the rows with their slots afterwards.
        """
        values, *slots = tf.split(packed, [self.width, *self.widths], axis=1)
        change, slots = moved(self.optimizer, gradient, slots, step, rate)
        if isinstance(self.optimizer, AdamW):
            change -= self.optimizer.weight_decay * rate * values
        return tf.concat([values + change, *slots], axis=1)

    def store(self) -> None:
        """Brings the layer's table up to date."""
        self.layer.table.assign(self.packed[: self.size, : self.width])


def slots_of(optimizer: Optimizer) -> list[tuple[int | None, float]]:
    """Returns the width, None for the table's, and the start of each slot."""
    if isinstance(optimizer, Adam | AdamW):
        return [(None, 0.0), (None, 0.0)]
    if isinstance(optimizer, RowwiseAdagrad):
        return [(1, optimizer.initial_accumulator_value)]
    if isinstance(optimizer, Adagrad):
        return [(None, optimizer.initial_accumulator_value)]
    return [(None, 0.0)] if isinstance(optimizer, SGD) and optimizer.momentum else []


def moved(
    optimizer: Optimizer, gradient: Any, slots: list[Any], step: Any, rate: Any
) -> tuple[Any, list[Any]]:
    """Returns the change of some rows, and their new slots, as Keras' optimizers do."""
    if isinstance(optimizer, Adam | AdamW):
        m, v = slots
        m += (gradient - m) * (1 - optimizer.beta_1)
        v += (tf.square(gradient) - v) * (1 - optimizer.beta_2)
        number = tf.cast(step + 1, tf.float32)
        rate *= tf.sqrt(1 - optimizer.beta_2**number) / (1 - optimizer.beta_1**number)
        return -rate * m / (tf.sqrt(v) + optimizer.epsilon), [m, v]
    if isinstance(optimizer, Adagrad | RowwiseAdagrad):
        square = tf.square(gradient)
        if isinstance(optimizer, RowwiseAdagrad):
            square = tf.reduce_mean(square, axis=1, keepdims=True)
        total = slots[0] + square
        return -rate * gradient / tf.sqrt(total + optimizer.epsilon), [total]
    if isinstance(optimizer, SGD) and optimizer.momentum:
        m = optimizer.momentum * slots[0] - rate * gradient
        change = optimizer.momentum * m - rate * gradient if optimizer.nesterov else m
        return change, [m]
    return -rate * gradient, []


def lazy_tables(model: keras.Model, optimizer: Optimizer) -> list[LazyTable]:
    """Returns the trained tables of a model that are updated lazily."""
    layers = [
        layer
        for layer in model.layers
        if isinstance(layer, FusedEmbedding) and layer.trainable
    ]
    if optimizer.lazy == "auto" and not isinstance(optimizer, RowwiseAdagrad):
        layers = [x for x in layers if x.table.shape[0] * x.table.shape[1] > LARGE]
    return [LazyTable(layer, optimizer) for layer in layers if optimizer.lazy]


def without(model: keras.Model, tables: Sequence[LazyTable]) -> tuple[Any, Any]:
    """Cuts tables off a model.

    Returns: a model from the inputs to each table's ids, and one from inputs and
        vectors to the logits.
    """
    if not tables:
        return None, model
    ids = keras.Model(model.input, [table.layer.input for table in tables])
    vectors = [table.layer.output for table in tables]
    return ids, keras.Model([model.input, vectors], model.output)
