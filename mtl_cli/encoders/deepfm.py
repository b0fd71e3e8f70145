"""Factorization machine beside a deep network."""

from typing import Any

from mtl_cli.encoders.base import Encoder, Fields


class DeepFM(Encoder):
    """First order: a weight for each id; second: products of pairs of embeddings.

    Reference: Guo et al., "DeepFM: A Factorization-Machine based Neural Network for
        CTR Prediction", IJCAI 2017.
        Differs from the paper in: the terms join the encoding, so that every task
        weighs them, and are not summed into one logit.
    """

    def interact(self, fields: Fields) -> list[Any]:
        from keras import ops

        from mtl_cli import deepctr
        from mtl_cli.layers import FusedEmbedding

        vectors = self.pairs_of(fields)
        weights = FusedEmbedding(
            fields.vocabulary_sizes,
            1,
            stddev=self.embedding_stddev,
            l2=self.l2_embedding,
        )(fields.ids)  # (1, B, F, 1)
        return [ops.sum(weights, axis=(0, 2)), deepctr.connect("FM", vectors)]
