"""Sizes of the encoded features, from which a network is built."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class EmbeddingTable:
    """An embedding table.

    Attributes:
        size: number of ids; index 0 is for values that the training rows do not have.
        dim: length of a vector, `auto`, or None for the encoder's.
        frozen: whether training leaves it as it is.
    """

    size: int
    dim: Any = None
    frozen: bool = False


@dataclass(frozen=True)
class SequenceSpec:
    """How a sequence feature is looked up and pooled."""

    table: str
    max_length: int
    pooling: str


@dataclass(frozen=True)
class FeatureSpec:
    """Sizes of the encoded features, from which a network is built.

    Attributes:
        tables: embedding tables, by the feature that each is named after.
        ids: the table of each id column, in order.
        sequences: in order.
        num_dense: how many numbers the other features become.
    """

    tables: dict[str, EmbeddingTable]
    ids: list[str]
    sequences: list[SequenceSpec] = field(default_factory=list)
    num_dense: int = 0
