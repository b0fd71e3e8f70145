"""Factorization machine beside a deep network."""

from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class DeepFM(Encoder):
    """First order: a weight for each id; second: products of pairs of embeddings.

    Reference: Guo et al., "DeepFM: A Factorization-Machine based Neural Network for
        CTR Prediction", IJCAI 2017.
        Differs from the paper in: the terms join the encoding, so that every task
        weighs them, and are not summed into one logit.
    """

    def interact(self, fields: Fields) -> list[Tensor]:
        from mtl_cli.layers import deepctr

        vectors = self.pairs_of(fields)
        return [fields.first_order(), deepctr.connect("FM", vectors)]
