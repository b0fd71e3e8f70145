"""Attention over a few vectors: a weight for each vector from its query and its key."""

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import register
from mtl_cli.layers.routing import Routing


@register
class Attention(Routing):
    """Computes a weight for each of several vectors u: a softmax over their scores.

        weight_u = softmax_u(<q_u, k_u> / sqrt(dim))

    <q_u, k_u> is the dot product of the query and the key of u, and dim their length,
    d_k in the paper. Call the layer as `Attention(routes)(queries, keys)`.

    Args:
        routes: a list of one route, see `Routing`.

    Input shape: queries q and keys k, `(vectors, batch, dim)` each.
    Output shape: `(1, batch, vectors)`; the last axis sums to 1.

    Example:
        >>> import keras
        >>> from mtl_cli.layers import Expert, Route
        >>> q = k = keras.random.normal((2, 5, 4))  # for 2 vectors and 5 rows
        >>> # Task 0 reads a vector of task 1 and a vector of its own.
        >>> route = Route(0, [Expert(1), Expert(0)])
        >>> Attention([route])(q, k).shape
        TensorShape([1, 5, 2])

    Reference: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, equation 1.
        Differs from the paper in: each key has a query of its own, as in AITM (see
        `models/aitm.py`); in the paper, each query is compared with all keys.
    """

    def call(self, queries: Tensor, keys: Tensor) -> Tensor:
        dim = queries.shape[-1]
        scores = ops.sum(queries * keys, axis=-1) / dim**0.5  # (vectors, batch)
        return ops.softmax(ops.transpose(scores))[None]  # (1, batch, vectors)
