"""All sparse features' vectors in one table."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mtl_cli.layers.parallel import Shape, register


@register
class FusedEmbedding(keras.layers.Layer):
    """Embeds all sparse features with one table and one gather.

    Feature `f` owns the rows `offset_f ... offset_f + vocabulary_sizes[f]`. With
    `num_sets` above 1 each row holds that many vectors, one a set, so that tasks
    can have embeddings of their own at the cost of one lookup.

    Args:
        vocabulary_sizes: number of ids of each feature; ids count from 0.
        embedding_dim: length of a vector.
        num_sets: how many vectors each id has.
        stddev: standard deviation of the normal distribution they start from.
        l2: strength of the L2 penalty on the table, 0 for none.

    Input shape: `(batch, features)`, integers.
    Output shape: `(num_sets, batch, features, embedding_dim)`.

    Example:
        >>> ids = np.array([[0, 2], [3, 1]])
        >>> FusedEmbedding([4, 3], embedding_dim=8)(ids).shape
        TensorShape([1, 2, 2, 8])
    """

    def __init__(
        self,
        vocabulary_sizes: Sequence[int],
        embedding_dim: int,
        num_sets: int = 1,
        stddev: float = 0.05,
        l2: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_sizes = tuple(vocabulary_sizes)
        self.embedding_dim = embedding_dim
        self.num_sets = num_sets
        self.stddev = stddev
        self.l2 = l2
        self.offsets = np.cumsum((0, *self.vocabulary_sizes[:-1])).astype("int32")

    def build(self, input_shape: Shape) -> None:
        self.table = self.add_weight(
            name="table",
            shape=(sum(self.vocabulary_sizes), self.num_sets * self.embedding_dim),
            initializer=keras.initializers.RandomNormal(stddev=self.stddev),
            regularizer=keras.regularizers.L2(self.l2) if self.l2 else None,
        )

    def call(self, ids: Any) -> Any:
        rows = ops.cast(ids, "int32") + self.offsets
        vectors = ops.take(self.table, rows, axis=0)  # (B, F, sets * dim)
        if self.num_sets == 1:
            return vectors[None]
        shape = (-1, len(self.vocabulary_sizes), self.num_sets, self.embedding_dim)
        return ops.transpose(ops.reshape(vectors, shape), (2, 0, 1, 3))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        features = len(self.vocabulary_sizes)
        return (self.num_sets, input_shape[0], features, self.embedding_dim)
