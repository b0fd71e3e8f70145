"""DeepFM: a factorization machine that crosses each pair of features."""

from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class DeepFM(Encoder):
    """Two sums: of the weights of the features, and of products of their embeddings.

        first order:  sum_i w_i
        second order: sum_{i<j} <e_i, e_j>

    w_i is the weight, a single number, and e_i the embedding of the id that feature i
    has in the row. <e_i, e_j> is the dot product. The two sums are the interactions;
    `Encoder` adds the deep network. DeepCTR calls the second sum `interaction.FM`.

    Reference: Guo et al., "DeepFM: A Factorization-Machine based Neural Network for
        CTR Prediction", IJCAI 2017.
        Differs from the paper in: the two sums are part of the encoding, so that the
        networks of each task can weigh the sums; the paper adds the sums to the logit.
        Only features with embeddings are in the sums.
    """

    def interact(self, fields: Fields) -> list[Tensor]:
        from mtl_cli.layers import deepctr

        vectors = self.vectors_to_cross(fields)
        return [fields.first_order(), deepctr.connect("FM", vectors)]

    def interaction_columns(self) -> list[str]:
        return ["first order", "second order"]
