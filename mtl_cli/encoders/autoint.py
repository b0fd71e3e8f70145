"""Self-attention over features."""

from mtl_cli.core.options import Count
from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class AutoInt(Encoder):
    """Layers in which each feature's vector attends to all others.

    Attributes:
        num_layers: number of interacting layers.
        num_heads: number of attention heads of each layer.
        attention_dim: length of a head's vectors.

    Reference: Song et al., "AutoInt: Automatic Feature Interaction Learning via
        Self-Attentive Neural Networks", CIKM 2019.
        Differs from the paper in: dense features stay outside the attention; as
        bucketized features they take part.
    """

    num_layers: Count
    num_heads: Count
    attention_dim: Count

    def interact(self, fields: Fields) -> list[Tensor]:
        from keras import ops

        from mtl_cli.layers import deepctr

        x = self.pairs_of(fields)
        for _ in range(self.num_layers):
            x = deepctr.connect(
                "InteractingLayer",
                x,
                att_embedding_size=self.attention_dim,
                head_num=self.num_heads,
            )
        width = self.num_heads * self.attention_dim * fields.num_vectors
        return [ops.reshape(x, (-1, width))]
