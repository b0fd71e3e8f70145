"""The weights of dot-product attention."""

from typing import ClassVar

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import register
from mtl_cli.layers.routing import Routing


@register
class Attention(Routing):
    """Computes how much each of several vectors u counts: a softmax over their scores.

        weight = softmax( <q_u, k_u> / sqrt(dim) )    over the vectors u

    Call the layer as `Attention(routes)(queries, keys)`. The layer has no variables.
    `Mix` sums the vectors' values with the layer's output as weights.

    Args:
        routes: what the weights are for, one route; see `Routing`.

    Input shape: queries q and keys k, `(vectors, batch, dim)` each.
    Output shape: `(1, batch, vectors)`; the last axis sums to 1.

    Example:
        >>> import keras
        >>> from mtl_cli.layers import Expert, Route
        >>> q = k = keras.random.normal((2, 5, 4))
        >>> Attention([Route(0, [Expert(1), Expert(0)])])(q, k).shape
        TensorShape([1, 5, 2])

    Reference: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, equation 1.
    """

    weighed: ClassVar[str] = "vectors"

    def call(self, queries: Tensor, keys: Tensor) -> Tensor:
        scores = ops.sum(queries * keys, axis=-1) / queries.shape[-1] ** 0.5
        return ops.softmax(ops.transpose(scores))[None]
