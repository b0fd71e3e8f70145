"""The encoder without interactions."""

from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class Embedding(Encoder):
    """The encoding is deep(x): embeddings and dense features, without interactions."""

    def interact(self, fields: Fields) -> list[Tensor]:
        return []

    def interaction_columns(self) -> list[str]:
        return []
