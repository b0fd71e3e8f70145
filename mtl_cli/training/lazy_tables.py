"""Lazy embedding tables: a step updates only the rows that its batch reads.

These rows are read from the table before a step and written back after the step. XLA
compiles the step without the table: the step only sees these rows. The optimizer's
method `row_change` computes how a row changes, see `mtl_cli/optimizers/base.py`. For
example, the method of Adam is in `mtl_cli/optimizers/adam.py`.
"""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers import FusedEmbedding
from mtl_cli.layers.embedding import gather_rows
from mtl_cli.optimizers.base import Optimizer

# With `optimizer.lazy=auto`, tables with more entries than this are lazy. Updating all
# entries of such a table takes about as long as a step of a small network.
LARGE_TABLE = 1_000_000


class LazyTable:
    """An embedding table together with its optimizer's slots.

    A slot is an array that the optimizer keeps for a table, such as Adam's moments. A
    slot has one value per entry of the table, or one value per row.

    Memory access is the main cost of a large table. Therefore each row is stored next
    to its slots: one access reads both, and one access writes both. The steps do not
    change the layer's own table; `copy_to_layer` brings the layer's table up to date.

    Attributes:
        packed: (rows + 1, width + width of all slots), the rows of the table side by
            side with their slots. The last row is padding, see `unique_rows`.
    """

    def __init__(self, layer: FusedEmbedding, optimizer: Optimizer) -> None:
        self.layer = layer
        self.optimizer = optimizer
        self.num_rows, self.width = layer.table.shape
        slots = optimizer.row_slots()
        self.slot_widths = [1 if slot.per_row else self.width for slot in slots]
        # The initial values of all slots of one row, side by side.
        start = np.repeat([slot.start for slot in slots], self.slot_widths)
        initial_slots = tf.tile(start.astype("float32")[None], (self.num_rows, 1))
        packed = tf.concat([layer.table.value, initial_slots], axis=1)
        self.packed = tf.Variable(tf.pad(packed, [[0, 1], [0, 0]]))

    def unique_rows(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Finds the rows of the table that ids (batch, columns) read.

        Returns: `rows`, the indices of the distinct rows, (batch * columns,); and
            `positions`, the position of each id's row in `rows`, (batch, columns). XLA
            needs a fixed number of rows. Ids may repeat, so the index of the padding
            row fills the end of `rows`.
        """
        rows_of_ids = self.layer.rows(ids)
        rows, positions = tf.unique(tf.reshape(rows_of_ids, [-1]))
        padding = tf.size(rows_of_ids) - tf.size(rows)
        rows = tf.pad(rows, [[0, padding]], constant_values=self.num_rows)
        rows.set_shape([rows_of_ids.shape.num_elements()])
        return rows, tf.reshape(positions, rows_of_ids.shape)

    def read(self, rows: Tensor) -> Tensor:
        """Reads the rows with these indices, (n,): vectors and slots side by side."""
        return tf.gather(self.packed, rows)

    def write(self, rows: Tensor, packed: Tensor) -> None:
        """Replaces the vectors and slots of the rows with these indices, (n,)."""
        # `scatter_update` is several times as fast as `scatter_add`.
        self.packed.scatter_update(tf.IndexedSlices(packed, rows))

    def vectors(self, values: Tensor, positions: Tensor) -> Tensor:
        """Computes the layer's output for a batch.

        `values` are the rows that the batch reads, without their slots, (n, width).
        `positions` are the positions of each id's row in `values`, (batch, columns).
        """
        return self.layer.arrange(gather_rows(values, positions))

    def add_l2_gradient(self, gradient: Tensor, values: Tensor) -> Tensor:
        """Adds the gradient of the L2 penalty on the rows that a batch reads."""
        return gradient + 2 * self.layer.l2 * values if self.layer.l2 else gradient

    def apply_gradient(
        self, packed: Tensor, gradient: Tensor, step: Tensor, rate: Tensor
    ) -> Tensor:
        """Returns rows with their slots after an optimizer step.

        Args:
            packed: rows side by side with their slots, as `read` returns them.
            gradient, step, rate: as in `Optimizer.row_change`.
        """
        values, *slots = tf.split(packed, [self.width, *self.slot_widths], axis=1)
        change, slots = self.optimizer.row_change(values, gradient, slots, step, rate)
        return tf.concat([values + change, *slots], axis=1)

    def slots(self) -> list[npt.NDArray[np.float32]]:
        """Returns a copy of each slot, in all rows: (rows, width) or (rows, 1)."""
        slots = self.packed[: self.num_rows, self.width :].numpy()
        if not self.slot_widths:
            return []
        boundaries = np.cumsum(self.slot_widths)[:-1]
        return np.split(slots, boundaries, axis=1)

    def set_slots(self, slots: Sequence[npt.NDArray[np.float32]]) -> None:
        """Sets the slots of all rows to arrays of the shapes that `slots` returns."""
        if slots:
            packed = self.packed.numpy()
            packed[: self.num_rows, self.width :] = np.concatenate(slots, axis=1)
            self.packed.assign(packed)

    def copy_to_layer(self) -> None:
        """Copies the rows, without slots and padding, to the layer's own table."""
        self.layer.table.assign(self.packed[: self.num_rows, : self.width])


def make_lazy_tables(model: keras.Model, optimizer: Optimizer) -> list[LazyTable]:
    """Makes a lazy table of each table of a model that `optimizer.lazy` selects."""
    if not optimizer.lazy:
        return []
    is_selective = optimizer.lazy == "auto" and not optimizer.is_always_lazy
    min_size = LARGE_TABLE if is_selective else 0
    return [
        LazyTable(layer, optimizer)
        for layer in model.layers
        if isinstance(layer, FusedEmbedding)
        and layer.trainable
        and np.prod(layer.table.shape) > min_size
    ]
