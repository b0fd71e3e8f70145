"""DeepFM: a factorization machine beside a deep network."""

from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class DeepFM(Encoder):
    """A sum of weights, one per id, and a sum of products of pairs of embeddings.

        first order:  sum_i w_i
        second order: sum_{i<j} e_i' e_j

    w_i is the weight, e_i the embedding of the id of feature i.

    Reference: Guo et al., "DeepFM: A Factorization-Machine based Neural Network for
        CTR Prediction", IJCAI 2017.
        Differs from the paper in: the two sums are part of the encoding, so that each
        task weighs them; the paper adds them to the logit.
    """

    def interact(self, fields: Fields) -> list[Tensor]:
        from mtl_cli.layers import deepctr

        vectors = self.vectors_to_cross(fields)
        return [fields.first_order(), deepctr.connect("FM", vectors)]

    def interaction_columns(self) -> list[str]:
        return ["first order", "second order"]
