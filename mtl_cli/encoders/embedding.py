"""Embeddings and dense features side by side."""

from typing import Any

from mtl_cli.encoders.base import Encoder, Fields


class Embedding(Encoder):
    """No interactions: `x`, or `deep(x)`."""

    def interact(self, fields: Fields) -> list[Any]:
        return []
