"""Where the encoded features lie among the inputs of the network."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# The inputs of the network and their types. A sequence fills the same columns of
# `sequences` and of `sequence_weights`.
INPUT_TYPES = {
    "ids": "int32",
    "dense": "float32",
    "sequences": "int32",
    "sequence_weights": "float32",
}


@dataclass(frozen=True)
class EmbeddingTable:
    """An embedding table.

    Attributes:
        size: number of ids; index 0 is for values that the training rows do not have.
        dim: length of a vector, `auto`, or None for the encoder's `embedding_dim`.
        frozen: whether training leaves the table as it is.
    """

    size: int
    dim: Any = None
    frozen: bool = False


@dataclass(frozen=True)
class Block:
    """The columns of a network input that one feature fills.

    Attributes:
        input: `ids`, `dense` or `sequences`.
        width: number of columns.
        table: name of the embedding table that the ids belong to; None for numbers.
        pooling: `mean`, `sum` or `max` of the vectors of a sequence.
    """

    input: str
    width: int = 1
    table: str | None = None
    pooling: str | None = None


@dataclass(frozen=True)
class Layout:
    """The place of each feature among the inputs of the network.

    Attributes:
        tables: {feature that owns the table: embedding table}.
        blocks: {feature: block}, in the order of the columns.
    """

    tables: dict[str, EmbeddingTable]
    blocks: dict[str, Block]

    @cached_property
    def columns(self) -> dict[str, slice]:
        """The columns that each feature fills in the input of its block."""
        widths = dict.fromkeys(INPUT_TYPES, 0)
        columns = {}
        for name, block in self.blocks.items():
            start = widths[block.input]
            widths[block.input] += block.width
            columns[name] = slice(start, widths[block.input])
        return columns

    def blocks_of(self, input_name: str) -> Iterator[tuple[Block, slice]]:
        """Yields the blocks of one input and their columns, in order."""
        for name, block in self.blocks.items():
            if block.input == input_name:
                yield block, self.columns[name]

    def width(self, input_name: str) -> int:
        """Returns how many columns an input of the network has."""
        filled = "sequences" if input_name == "sequence_weights" else input_name
        return sum(block.width for block, _ in self.blocks_of(filled))
