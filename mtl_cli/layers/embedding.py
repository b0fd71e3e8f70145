"""Several embedding tables with vectors of one length, stored as one weight."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register


class L2StartingPoint(keras.regularizers.Regularizer):
    """An L2 penalty that pulls weights to their starting point, and not to 0.

    Source: L2-SP in Li et al., Explicit Inductive Bias for Transfer Learning with
    Convolutional Networks, ICML 2018.

    Args:
        l2: strength of the penalty on the squared distance.
        starting_point: values of the shape of the weights.
    """

    def __init__(self, l2: float, starting_point: np.ndarray) -> None:
        self.l2 = l2
        self.starting_point = tf.Variable(starting_point, trainable=False)

    def __call__(self, weights: Tensor) -> Tensor:
        distance = ops.convert_to_tensor(weights) - self.starting_point
        return self.l2 * ops.sum(ops.square(distance))


def starting_points(weights: Sequence[keras.Variable]) -> list[tf.Variable]:
    """Returns the starting points of those weights that have one."""
    regularizers = [weight.regularizer for weight in weights]
    return [x.starting_point for x in regularizers if isinstance(x, L2StartingPoint)]


@register
class FusedEmbedding(keras.layers.Layer):
    """Embeds many columns of ids with one weight and one gather.

    The weight `table` holds all tables, one below the other. Table t starts at row
    `offset_t`, the sum of the sizes of the tables before t. If column c reads table t,
    the vectors of column c are `y_c = table[ids_c + offset_t]`.

    With `num_sets` above 1, each row of the weight holds `num_sets` vectors. Each task
    can then have its own vectors, while all tasks share one lookup.

    Args:
        vocabulary_sizes: number of ids of each table. The ids of a table are 0 to
            `size - 1`. A larger id reads a row of another table.
        embedding_dim: length of a vector.
        table_of_column: the index of the table that each column reads, from 0; None
            if column c reads table c.
        num_sets: number of vectors of each id.
        stddev: standard deviation of the normal distribution of the initial vectors.
            The vectors of id 0 start at 0, because id 0 stands for unknown values.
        l2: strength of the L2 penalty on the weight, 0 for none.

    Input shape: `(batch, columns)`, integers.
    Output shape: `(num_sets, batch, columns, embedding_dim)`.
    """

    def __init__(
        self,
        vocabulary_sizes: Sequence[int],
        embedding_dim: int,
        table_of_column: Sequence[int] | None = None,
        num_sets: int = 1,
        stddev: float = 0.05,
        l2: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.vocabulary_sizes = tuple(vocabulary_sizes)
        self.embedding_dim, self.num_sets = embedding_dim, num_sets
        self.stddev, self.l2 = stddev, l2
        # The first row of each table in the weight, and of the table of each column.
        self.starts = np.cumsum((0, *self.vocabulary_sizes[:-1])).astype("int32")
        self.offsets = self.starts
        if table_of_column is not None:
            self.offsets = self.starts[list(table_of_column)]

    def build(self, input_shape: Shape) -> None:
        if input_shape[-1] != len(self.offsets):
            raise ValueError(
                f"the input has {input_shape[-1]} columns of ids, but the layer has "
                f"tables for {len(self.offsets)} columns."
            )
        self.table = self.add_weight(
            name="table",
            shape=(sum(self.vocabulary_sizes), self.num_sets * self.embedding_dim),
            initializer=self.initial_table,
            regularizer=keras.regularizers.L2(self.l2) if self.l2 else None,
        )

    def initial_table(self, shape: Shape, dtype: str) -> Tensor:
        """Draws the vectors of all ids; the vector of id 0 of each table is zeros.

        Training may never read id 0. A random vector would then move predictions.
        """
        vectors = keras.initializers.RandomNormal(stddev=self.stddev)(shape, dtype)
        first_rows = np.unique(self.starts)[:, None]  # of the tables
        zeros = ops.zeros((len(first_rows), shape[1]), dtype)
        return ops.scatter_update(vectors, first_rows, zeros)

    def set_starting_point(self, vectors: np.ndarray) -> None:
        """Makes the penalty pull the table to these vectors, of its shape; not to 0."""
        self.table.regularizer = L2StartingPoint(self.l2, vectors)

    @property
    def starting_point(self) -> tf.Variable | None:
        """The vectors to which the penalty pulls the table; None if it pulls to 0."""
        return getattr(self.table.regularizer, "starting_point", None)

    def call(self, ids: Tensor, training: bool | None = None) -> Tensor:
        rows = self.rows(ids)
        # Only training needs the gradient of `gather_rows`, whose tensor of the table
        # may be a copy.
        if training:
            vectors = gather_rows(tf.convert_to_tensor(self.table.value), rows)
        else:
            vectors = tf.gather(self.table.value, rows)
        return self.arrange(vectors)

    def rows(self, ids: Tensor) -> Tensor:
        """Returns the row of the weight that each id reads, `(batch, columns)`."""
        return ops.cast(ids, "int32") + self.offsets

    def arrange(self, vectors: Tensor) -> Tensor:
        """Reshapes rows `(batch, columns, sets * dim)` to the layer's output shape."""
        vectors = ops.cast(vectors, self.compute_dtype)
        if self.num_sets == 1:
            return vectors[None]  # (1, batch, columns, dim)
        shape = (-1, len(self.offsets), self.num_sets, self.embedding_dim)
        return ops.transpose(ops.reshape(vectors, shape), (2, 0, 1, 3))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        columns = len(self.offsets)
        return (self.num_sets, input_shape[0], columns, self.embedding_dim)


@tf.custom_gradient
def gather_rows(table: Tensor, rows: Tensor) -> Tensor:
    """Returns rows of a table, with a gradient that is summed for each row.

    TensorFlow's own gradient has one entry for each id of the batch. If k ids read the
    same row, Keras' Adam would square the k entries one by one, and the row would move
    up to sqrt(k) times too far.

    The indices `rows` are `(batch, columns)`, the result is `(batch, columns, width)`.
    """

    def gradient(output_gradient: Tensor) -> tuple[Tensor, None]:
        gradients = tf.reshape(output_gradient, (-1, table.shape[1]))
        segments = tf.reshape(rows, [-1])  # the row of the table for each gradient
        return tf.math.unsorted_segment_sum(gradients, segments, table.shape[0]), None

    return tf.gather(table, rows), gradient
