"""The columns of the network's inputs that each encoded feature fills."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

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
    """The size of an embedding table, and whether it is trained.

    Attributes:
        size: number of ids; id 0 is for values that the training rows do not have.
        dim: length of a vector; `auto` computes it from the size; None takes the
            encoder's `embedding_dim`.
        frozen: whether training leaves the table as it is.
    """

    size: int
    dim: int | Literal["auto"] | None = None
    frozen: bool = False

    def vector_length(self, default_dim: int | Literal["auto"]) -> int:
        """Returns the length of the table's vectors.

        Args:
            default_dim: the encoder's `embedding_dim`.
        """
        dim = default_dim if self.dim is None else self.dim
        return int(6 * self.size**0.25) if dim == "auto" else dim


@dataclass(frozen=True)
class Block:
    """The columns of the network's inputs that one feature fills.

    Attributes:
        input: `ids`, `dense` or `sequences`.
        width: number of columns of this input.
        table: name of the embedding table in which ids are looked up; None for numbers.
        pooling: `mean`, `sum` or `max`: the operation that turns the vectors of a
            sequence into one vector; None for other inputs.
        ramps: number of columns of the input `dense` that a feature with ids fills too.
    """

    input: str
    width: int = 1
    table: str | None = None
    pooling: str | None = None
    ramps: int = 0

    def width_in(self, input_name: str) -> int:
        """Returns the number of columns that the feature fills in an input."""
        width = self.width if self.input == input_name else 0
        return width + (self.ramps if input_name == "dense" else 0)


@dataclass(frozen=True)
class Layout:
    """The embedding tables, and the columns of each feature in the network's inputs.

    Attributes:
        tables: {feature that owns the table: embedding table}.
        blocks: {feature: block}; blocks of the same input lie side by side in this
            order.
    """

    tables: dict[str, EmbeddingTable]
    blocks: dict[str, Block]

    @cached_property
    def columns(self) -> dict[str, slice]:
        """{feature: the columns that it fills in the input of its block}."""
        columns = {name: self.columns_in(name) for name in INPUT_TYPES}
        return {name: columns[b.input][name] for name, b in self.blocks.items()}

    def columns_in(self, input_name: str) -> dict[str, slice]:
        """Returns {feature: the columns of an input that it fills}, in order."""
        columns, start = {}, 0
        for name, block in self.blocks.items():
            if width := block.width_in(input_name):
                columns[name] = slice(start, start + width)
                start += width
        return columns

    def blocks_of(self, input_name: str) -> Iterator[tuple[Block, slice]]:
        """Yields the blocks of one input and their columns, in order."""
        for name, block in self.blocks.items():
            if block.input == input_name:
                yield block, self.columns[name]

    def width(self, input_name: str) -> int:
        """Returns the number of columns of an input of the network."""
        if input_name == "sequence_weights":
            input_name = "sequences"
        return sum(block.width_in(input_name) for block in self.blocks.values())
