"""The encoder without feature interactions: a deep network, or the features alone."""

from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class Embedding(Encoder):
    """The encoding is deep(x), without interactions; see `Encoder`."""

    def interact(self, fields: Fields) -> list[Tensor]:
        return []

    def interaction_columns(self) -> list[str]:
        return []
