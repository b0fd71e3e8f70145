"""The encoder without feature interactions: a deep network, or the features alone."""

from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class Embedding(Encoder):
    """The encoding is deep(x), without interactions.

    x holds the embeddings and dense features of a row side by side. `Encoder` makes x
    and the network `deep`.
    """

    def interact(self, fields: Fields) -> list[Tensor]:
        return []

    def interaction_columns(self) -> list[str]:
        return []
