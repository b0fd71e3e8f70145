"""Embedding tables whose update costs what the batch touches, not what the table holds.

The rows of a batch are gathered before the step and updated after it, so that the step
itself, which XLA compiles, sees vectors of the batch and not the table.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mtl_cli.layers import FusedEmbedding
from mtl_cli.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RowwiseAdagrad

# A dense update of so many numbers takes about as long as a step of a small network.
LARGE = 1_000_000


class LazyTable:
    """An embedding table, and what its optimizer remembers of each row.

    Args:
        layer: that holds the table.
        optimizer: how it is updated.
    """

    def __init__(self, layer: FusedEmbedding, optimizer: Optimizer) -> None:
        self.layer = layer
        self.optimizer = optimizer
        self.table: tf.Variable = layer.table.value
        # A row's slots lie side by side, so that memory is touched once for all.
        self.widths = [width or self.width for width, _ in slots_of(optimizer)]
        starts = [
            np.full(width, start, "float32")
            for width, (_, start) in zip(self.widths, slots_of(optimizer), strict=True)
        ]
        row = np.concatenate([*starts, np.zeros(0, "float32")])
        self.slots = tf.Variable(tf.tile(row[None], (self.table.shape[0], 1)))

    @property
    def width(self) -> int:
        """Numbers a row: the vectors of all sets."""
        return int(self.table.shape[1])

    @property
    def variables(self) -> list[tf.Variable]:
        """All that updates change, but for the table itself."""
        return [self.slots]

    def look_up(self, ids: Any) -> tuple[Any, Any]:
        """Returns the rows of a batch's ids, and the layer's output for them."""
        rows = self.layer.rows(ids)
        return rows, self.layer.arrange(tf.gather(self.table, rows))

    def summed(self, rows: Any, gradient: Any) -> tuple[Any, Any]:
        """Returns each row that a batch touches, once, and its gradient.

        The L2 penalty is on these rows: where a batch touches all, it is the dense one.

        Args:
            rows: (batch, columns).
            gradient: of the layer's output.
        """
        touched, places = tf.unique(tf.reshape(rows, [-1]))
        flat = tf.reshape(tf.transpose(gradient, (1, 2, 0, 3)), (-1, self.width))
        total = tf.math.unsorted_segment_sum(flat, places, tf.size(touched))
        if self.layer.l2:
            total += 2 * self.layer.l2 * tf.gather(self.table, touched)
        return touched, total

    def update(self, touched: Any, gradient: Any, step: Any, rate: Any) -> None:
        """Takes an optimizer's step on some rows.

        Args:
            touched: the rows, each once, (n,).
            gradient: (n, width).
            step: number of steps before.
            rate: the learning rate.
        """
        slots = []
        if self.widths:
            packed = tf.gather(self.slots, touched)
            slots = tf.split(packed, self.widths, axis=1)
        change, slots = moved(self.optimizer, gradient, slots, step, rate)
        values = tf.gather(self.table, touched)
        if isinstance(self.optimizer, AdamW):
            change -= self.optimizer.weight_decay * rate * values
        # Several times as fast as adding in place.
        self.table.scatter_update(tf.IndexedSlices(values + change, touched))
        if self.widths:
            packed = tf.concat(slots, axis=1)
            self.slots.scatter_update(tf.IndexedSlices(packed, touched))


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
