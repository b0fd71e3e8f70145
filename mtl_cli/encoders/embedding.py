"""Embeddings and dense features side by side."""

from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class Embedding(Encoder):
    """No interactions: `x`, or `deep(x)`."""

    def interact(self, fields: Fields) -> list[Tensor]:
        return []
