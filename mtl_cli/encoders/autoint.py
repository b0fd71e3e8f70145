"""AutoInt: self-attention between features."""

from mtl_cli.core.options import Count, NumParts
from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class AutoInt(Encoder):
    """Layers in which each feature's vector attends to the vectors of all features.

    A layer turns the vectors e_1, ..., e_F of a row's F features into F new vectors:

        a_ij^h = softmax_j(<Q^h e_i, K^h e_j>)             for each head h = 1 ... H
        e_i   <- relu([sum_j a_ij^1 V^1 e_j; ...; sum_j a_ij^H V^H e_j] + R e_i)

    <a, b> is the dot product. The matrices Q^h, K^h, V^h and R are weights of the
    layer. The vectors of the last layer, side by side, are the interactions.

    Attributes:
        num_layers: number of attention layers.
        num_heads: number of attention heads of each layer, H.
        attention_dim: length of the vectors Q^h e_i, K^h e_j and V^h e_j.

    Reference: Song et al., "AutoInt: Automatic Feature Interaction Learning via
        Self-Attentive Neural Networks", CIKM 2019.
        Differs from the paper in: only features with embeddings take part. DeepCTR
        calls a layer `interaction.InteractingLayer`.
    """

    num_layers: NumParts
    num_heads: NumParts
    attention_dim: Count

    def interact(self, fields: Fields) -> list[Tensor]:
        from keras import ops

        from mtl_cli.layers import deepctr

        e = self.vectors_to_cross(fields)  # (batch, F, embedding_dim)
        for _ in range(self.num_layers):
            e = deepctr.connect(
                "InteractingLayer",
                e,
                att_embedding_size=self.attention_dim,
                head_num=self.num_heads,
            )  # (batch, F, num_heads * attention_dim)
        width = self.num_heads * self.attention_dim * fields.num_vectors
        return [ops.reshape(e, (-1, width))]
