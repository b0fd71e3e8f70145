"""Lazy embedding tables: a step updates only the rows that its batch reads.

These rows are read from the table before a step and written back after the step. XLA
compiles the step without the table. `Optimizer.row_change` computes how a row changes.

A *slot* is an array that the optimizer keeps for a table, such as one of Adam's
moments. A slot has one value per entry of the table, or one value per vector: a row
holds several vectors if the layer has several sets. A *packed row* holds side by side:
a row of the table, its values in all slots, the starting point to which the L2 penalty
pulls it if there is one, and the number of the last step that read it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.option_classes import overridden_below
from mtl_cli.core.tensors import Tensor, check_shape
from mtl_cli.layers import FusedEmbedding
from mtl_cli.layers.embedding import gather_rows
from mtl_cli.optimizers.base import Optimizer

# With `optimizer.lazy=auto`, tables with more entries than this are lazy. Updating all
# entries of such a table takes about as long as a step of a small network.
LARGE_TABLE = 1_000_000


class RowsOfBatch(NamedTuple):
    """The rows of a table that a batch of ids reads.

    For example, the ids [[7, 7], [7, 4]] of a table with 100 rows have the indices
    [7, 4, 100, 100] and the positions [[0, 0], [0, 1]].

    Attributes:
        indices: the index of each distinct row, (batch * columns,). XLA needs a fixed
            length, so the index of the padding row, the number of rows, fills the end.
        positions: the position of each id's row in `indices`, (batch, columns).
    """

    indices: Tensor
    positions: Tensor


class LazyTable:
    """An embedding table together with its optimizer's slots.

    Memory access is the main cost of a large table. Therefore each row is stored next
    to its slots. The steps do not change the layer's own table; `copy_to_layer` brings
    it up to date.

    Attributes:
        packed: the packed rows, and a last row that is padding.
        slots_end: the end of the slots in a packed row.
    """

    def __init__(self, layer: FusedEmbedding, optimizer: Optimizer) -> None:
        self.layer = layer
        self.optimizer = optimizer
        self.num_rows, self.width = layer.table.shape
        slots = optimizer.row_slots()
        self.slot_widths = [
            layer.num_sets if slot.per_row else self.width for slot in slots
        ]
        # The initial values of all slots of one row, side by side.
        start = np.repeat([slot.start for slot in slots], self.slot_widths)
        initial_slots = tf.tile(start.astype("float32")[None], (self.num_rows, 1))
        self.slots_end = self.width + sum(self.slot_widths)
        last_steps = tf.fill((self.num_rows, 1), -1.0)  # steps count from 0
        point = layer.starting_point
        starting_points = [] if point is None else [point]
        packed = tf.concat(
            [layer.table.value, initial_slots, *starting_points, last_steps], axis=1
        )
        self.packed = tf.Variable(tf.pad(packed, [[0, 1], [0, 0]]))

    def rows_of_batch(self, ids: Tensor) -> RowsOfBatch:
        row_of_id = self.layer.rows(ids)
        indices, positions = tf.unique(tf.reshape(row_of_id, [-1]))
        padding = tf.size(row_of_id) - tf.size(indices)
        indices = tf.pad(indices, [[0, padding]], constant_values=self.num_rows)
        indices.set_shape([row_of_id.shape.num_elements()])
        return RowsOfBatch(indices, tf.reshape(positions, row_of_id.shape))

    def read(self, indices: Tensor) -> Tensor:
        return tf.gather(self.packed, indices)

    def write(self, indices: Tensor, packed_rows: Tensor) -> None:
        # `scatter_update` is several times as fast as `scatter_add`.
        self.packed.scatter_update(tf.IndexedSlices(packed_rows, indices))

    def without_slots(self, packed_rows: Tensor) -> Tensor:
        return packed_rows[:, : self.width]

    def layer_output(self, rows: Tensor, positions: Tensor) -> Tensor:
        """Computes the layer's output, as `FusedEmbedding` returns it.

        `positions` are the positions of each id's row in `rows`, (batch, columns).
        """
        return self.layer.arrange(gather_rows(rows, positions))

    def add_l2_gradient(
        self, gradient: Tensor, packed_rows: Tensor, step: Tensor
    ) -> Tensor:
        """Adds the gradients of the L2 penalty of all steps since a row was last read.

        So the penalty of a rare id is as strong as in a table whose rows all have the
        penalty at each step. `optimizer.clip_norm` does not count these gradients: the
        penalties of many steps would make the gradients of all weights smaller.
        """
        if not self.layer.l2:
            return gradient
        num_steps = tf.cast(step, tf.float32) - packed_rows[:, -1:]
        distance = self.without_slots(packed_rows)
        if self.layer.starting_point is not None:
            distance -= packed_rows[:, self.slots_end : -1]
        return gradient + 2 * self.layer.l2 * num_steps * distance

    def rows_after_step(
        self, packed_rows: Tensor, gradient: Tensor, step: Tensor, rate: Tensor
    ) -> Tensor:
        """Returns packed rows after a step; see `Optimizer.row_change`.

        `gradient` is the gradient of the losses by the rows, without the L2 penalty.
        """
        gradient = self.add_l2_gradient(gradient, packed_rows, step)
        widths = [self.width, *self.slot_widths]
        rows_and_slots = packed_rows[:, : self.slots_end]
        arrays = [gradient, *tf.split(rows_and_slots, widths, axis=1)]
        # The sets share nothing, so each vector is updated as a row of its own.
        num_sets = self.layer.num_sets
        gradient, rows, *slots = [
            tf.reshape(x, (-1, x.shape[1] // num_sets)) for x in arrays
        ]
        change, slots = self.optimizer.row_change(rows, gradient, slots, step, rate)
        source = f"optimizer={self.optimizer.name}: `row_change`"
        check_shape(source, change, ("rows", self.layer.embedding_dim))
        after = zip([rows + change, *slots], widths, strict=True)
        last_steps = tf.fill((packed_rows.shape[0], 1), tf.cast(step, tf.float32))
        unchanged = packed_rows[:, self.slots_end : -1]
        return tf.concat(
            [
                *(tf.reshape(x, (-1, width)) for x, width in after),
                unchanged,
                last_steps,
            ],
            axis=1,
        )

    def slots(self) -> list[npt.NDArray[np.float32]]:
        """Returns a copy of each slot, in all rows: (rows, width) or (rows, sets)."""
        if not self.slot_widths:
            return []
        slots = self.packed[: self.num_rows, self.width : self.slots_end].numpy()
        return np.split(slots, np.cumsum(self.slot_widths)[:-1], axis=1)

    def set_slots(self, slots: Sequence[npt.NDArray[np.float32]]) -> None:
        """Sets the slots of all rows to arrays of the shapes that `slots` returns."""
        if slots:
            packed = self.packed.numpy()
            columns = slice(self.width, self.slots_end)
            packed[: self.num_rows, columns] = np.concatenate(slots, axis=1)
            self.packed.assign(packed)

    def begin_after(self, step: int) -> None:
        """Sets the last step of all rows, for a run whose first step is `step`."""
        last_steps = tf.fill((self.num_rows + 1, 1), float(step - 1))
        self.packed[:, -1:].assign(last_steps)

    def copy_to_layer(self) -> None:
        self.layer.table.assign(self.packed[: self.num_rows, : self.width])


def make_lazy_tables(model: keras.Model, optimizer: Optimizer) -> list[LazyTable]:
    """Makes a lazy table of each table of a model that `optimizer.lazy` selects."""
    if not optimizer.lazy:
        return []
    only_large = optimizer.lazy == "auto" and not optimizer.is_always_lazy
    layers = [
        layer
        for layer in model.layers
        if isinstance(layer, FusedEmbedding)
        and layer.trainable
        and (np.prod(layer.table.shape) > LARGE_TABLE or not only_large)
    ]
    overrides = overridden_below(type(optimizer), "row_change")
    if layers and "make_keras_optimizer" in overrides:
        raise ConfigError(
            f"optimizer={optimizer.name}: has its own `make_keras_optimizer`, but no "
            "`row_change` of its own, so large embedding tables would be updated by "
            "another rule; add the method `row_change` to the class, or set "
            "optimizer.lazy=false"
        )
    return [LazyTable(layer, optimizer) for layer in layers]


def cut_at_tables(
    model: keras.Model, tables: list[LazyTable]
) -> tuple[keras.Model | None, keras.Model]:
    """Cuts a network at its lazy tables into two models.

    Returns: a model that computes the ids to look up in each table from the features;
        and a model that computes the logits from the features and from the vectors that
        the tables give. Without lazy tables, these are None and the network itself.
    """
    if not tables:
        return None, model
    ids = [table.layer.input for table in tables]
    vectors = [table.layer.output for table in tables]
    ids_model = keras.Model(model.input, ids)
    return ids_model, keras.Model([model.input, vectors], model.output)
