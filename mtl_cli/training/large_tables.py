"""Embedding tables that a step updates only in the rows that its batch reads.

The rows of a batch are read before the step and written after it. The step itself,
which XLA compiles, sees only these rows and never the whole table. How a row changes is
the optimizer's matter: `mtl_cli/optimizers/*.py`, `row_change`.
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers import FusedEmbedding
from mtl_cli.layers.embedding import gather_rows
from mtl_cli.optimizers.base import Optimizer

# A dense update of this many numbers takes about as long as a step of a small network.
LARGE_TABLE = 1_000_000


class LazyTable:
    """An embedding table together with its optimizer's slots.

    Each row lies beside its slots, so that memory access, which is what a large table
    costs, happens once to read the row and once to write it. One more row, of zeros, is
    the padding of batches that read fewer rows than they hold ids. The layer's own
    table is out of date until `copy_to_layer`.

    Args:
        layer: the layer that holds the table.
        optimizer: gives the slots, and the change of rows.

    Attributes:
        packed: `(rows + 1, width + slots)`, rows and their slots.
    """

    def __init__(self, layer: FusedEmbedding, optimizer: Optimizer) -> None:
        self.layer = layer
        self.optimizer = optimizer
        self.num_rows, self.width = layer.table.shape
        slots = optimizer.row_slots()
        self.slot_widths = [1 if slot.per_row else self.width for slot in slots]
        starts = np.repeat([slot.start for slot in slots], self.slot_widths)
        starts = tf.tile(starts.astype("float32")[None], (self.num_rows, 1))
        packed = tf.concat([layer.table.value, starts], axis=1)
        self.packed = tf.Variable(tf.pad(packed, [[0, 1], [0, 0]]))

    def unique_rows(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the rows that ids `(batch, columns)` read.

        Returns: the number of each row once, padded to `(batch * columns,)`; and the
            position of each id's row among them, `(batch, columns)`.
        """
        rows_of_ids = self.layer.rows(ids)
        rows, positions = tf.unique(tf.reshape(rows_of_ids, [-1]))
        padding = tf.size(rows_of_ids) - tf.size(rows)
        rows = tf.pad(rows, [[0, padding]], constant_values=self.num_rows)
        rows.set_shape([rows_of_ids.shape.num_elements()])
        return rows, tf.reshape(positions, rows_of_ids.shape)

    def read(self, rows: Tensor) -> Tensor:
        """Returns rows with their slots, `(n, width + slots)`."""
        return tf.gather(self.packed, rows)

    def write(self, rows: Tensor, packed: Tensor) -> None:
        """Replaces rows and their slots."""
        # Several times as fast as adding in place.
        self.packed.scatter_update(tf.IndexedSlices(packed, rows))

    def vectors(self, values: Tensor, positions: Tensor) -> Tensor:
        """Returns the layer's output.

        Args:
            values: `(n, width)`, the rows that a batch reads.
            positions: `(batch, columns)`, the position of each id's row among them.
        """
        return self.layer.arrange(gather_rows(values, positions))

    def add_l2_gradient(self, gradient: Tensor, values: Tensor) -> Tensor:
        """Adds the gradient of the L2 penalty on the rows that a batch reads."""
        return gradient + 2 * self.layer.l2 * values if self.layer.l2 else gradient

    def updated(
        self, packed: Tensor, gradient: Tensor, step: Tensor, rate: Tensor
    ) -> Tensor:
        """Returns rows with their slots after an optimizer step.

        Args:
            packed: `(n, width + slots)`, the rows with their slots before the step.
            gradient: `(n, width)`.
            step: number of steps before this one.
            rate: learning rate of this step.
        """
        values, *slots = tf.split(packed, [self.width, *self.slot_widths], axis=1)
        change, slots = self.optimizer.row_change(values, gradient, slots, step, rate)
        return tf.concat([values + change, *slots], axis=1)

    def copy_to_layer(self) -> None:
        """Brings the layer's table up to date."""
        self.layer.table.assign(self.packed[: self.num_rows, : self.width])


def lazy_tables(model: keras.Model, optimizer: Optimizer) -> list[LazyTable]:
    """Returns the trainable tables of a model that are updated by rows."""
    layers = [
        layer
        for layer in model.layers
        if isinstance(layer, FusedEmbedding) and layer.trainable
    ]
    if optimizer.lazy == "auto" and not optimizer.is_always_lazy:
        layers = [x for x in layers if np.prod(x.table.shape) > LARGE_TABLE]
    return [LazyTable(layer, optimizer) for layer in layers if optimizer.lazy]


def split_at_tables(
    model: keras.Model, tables: Sequence[LazyTable]
) -> tuple[Tensor, keras.Model]:
    """Splits a model into the part before its tables and the part behind them.

    Returns: a model from the inputs to each table's ids, None without tables; and a
        model from the inputs and each table's vectors to the logits.
    """
    if not tables:
        return None, model
    ids = keras.Model(model.input, [table.layer.input for table in tables])
    vectors = [table.layer.output for table in tables]
    return ids, keras.Model([model.input, vectors], model.output)
