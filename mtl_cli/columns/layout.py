"""The layout of the network's inputs: which columns each feature fills.

Each input is a matrix with one row per row of data. A feature fills a block of
neighbouring columns.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeVar

from mtl_cli.columns.numeric import Floats

Matrix = TypeVar("Matrix")  # an array or a tensor, (rows, width)

# {input of the network: type of its numbers}. `ids` and `sequences` hold ids to look up
# in embedding tables, `dense` holds numbers. A sequence fills columns of `sequences`
# with the ids of its values, and the same columns of `sequence_weights` with the
# weights of its values; after the last value of a row, both are 0.
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
        size: number of ids, each of which has a vector. Id 0 is for empty cells and
            for values that the training rows lack.
        dim: length of a vector. `auto` computes the length from the size; None takes
            the encoder's `embedding_dim`.
        frozen: whether training leaves the table unchanged.
        trains_unknown: whether training rows may hold unknown values, which train the
            vector of id 0. If not, values with id 0 do not count in a sequence.
        dropout_rates: the probability of each id to become id 0 in a training step,
            (size,); None if all ids stay. Ids in a sequence always stay.
    """

    size: int
    dim: int | Literal["auto"] | None = None
    frozen: bool = False
    trains_unknown: bool = True
    dropout_rates: Floats | None = field(default=None, compare=False)

    def vector_length(self, default_dim: int | Literal["auto"]) -> int:
        """Returns the length of the vectors; `auto` is 6 times the fourth root of size.

        `default_dim` is the encoder's `embedding_dim`.
        """
        dim = default_dim if self.dim is None else self.dim
        return int(6 * self.size**0.25) if dim == "auto" else dim


@dataclass(frozen=True)
class Block:
    """The columns of the network's inputs that one feature fills.

    Attributes:
        input: `ids`, `dense` or `sequences`.
        width: number of columns that the feature fills in this input.
        table: name of the embedding table in which ids are looked up; None for numbers.
        pooling: `mean`, `sum`, `max` or `attention`: how the vectors of a sequence
            become one vector; None for other inputs. The target of the attention is the
            feature that owns `table`, see `layers.TargetAttention`.
        ramps: number of columns that a feature with ids also fills in the input
            `dense`; see `columns.cuts.ramps`.
    """

    input: str
    width: int = 1
    table: str | None = None
    pooling: str | None = None
    ramps: int = 0

    def width_in(self, input_name: str) -> int:
        if input_name == "sequence_weights":  # has the same columns as `sequences`
            input_name = "sequences"
        width = self.width if self.input == input_name else 0
        return width + (self.ramps if input_name == "dense" else 0)


@dataclass(frozen=True)
class Layout:
    """The embedding tables, and the columns of each feature in the network's inputs.

    Attributes:
        tables: {feature that owns the table: embedding table}.
        blocks: {feature: block}. In each input, the blocks lie side by side in this
            order.
    """

    tables: dict[str, EmbeddingTable]
    blocks: dict[str, Block]

    @cached_property
    def columns(self) -> dict[str, slice]:
        """{feature: the columns that the feature fills in its block's `input`}."""
        by_input = {name: self.columns_in(name) for name in INPUT_TYPES}
        return {
            feature: by_input[block.input][feature]
            for feature, block in self.blocks.items()
        }

    def columns_in(self, input_name: str) -> dict[str, slice]:
        """Returns {feature: its columns}, for the features that fill an input."""
        columns = {}
        start = 0
        for feature, block in self.blocks.items():
            if width := block.width_in(input_name):
                columns[feature] = slice(start, start + width)
                start += width
        return columns

    @cached_property
    def dropout_rates(self) -> dict[int, Floats]:
        """{column of the input `ids`: the `dropout_rates` of its table}, if any."""
        rates: dict[int, Floats] = {}
        for feature, columns in self.columns_in("ids").items():
            table = self.tables.get(str(self.blocks[feature].table))
            if table is not None and table.dropout_rates is not None:
                rates |= dict.fromkeys(
                    range(columns.start, columns.stop), table.dropout_rates
                )
        return rates

    def width(self, input_name: str) -> int:
        return sum(block.width_in(input_name) for block in self.blocks.values())


def join_blocks(
    blocks: Iterable[dict[str, Matrix]], join: Callable[[list[Matrix], str], Matrix]
) -> dict[str, Matrix]:
    """Makes the inputs of the network from {input: (rows, width)} of each feature.

    `join` puts matrices side by side, and converts them to a type of `INPUT_TYPES`.
    """
    by_input: dict[str, list[Matrix]] = {}
    for blocks_of_feature in blocks:
        for name, block in blocks_of_feature.items():
            by_input.setdefault(name, []).append(block)
    return {
        name: join(by_input[name], dtype)
        for name, dtype in INPUT_TYPES.items()
        if name in by_input
    }
