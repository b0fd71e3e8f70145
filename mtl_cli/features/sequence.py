"""The feature kind `sequence`."""

from functools import partial
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from mtl_cli.columns.examples import Cells, example_values
from mtl_cli.columns.fitters import Learnt, ListFitter
from mtl_cli.columns.layout import Block
from mtl_cli.columns.lists import Tokens, read_tokens
from mtl_cli.columns.numeric import FLOAT32_MAX
from mtl_cli.columns.vocabulary import vocabulary_ids
from mtl_cli.core.options import Count
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Embedded, Pretrained
from mtl_cli.graphs.base import GraphOps, InputKind

# An encoded row takes eight bytes for each of `max_length` values, even if its list is
# shorter.
MAX_LENGTH = 100_000
# The lists that test an exported model have the lengths from 0 to this number - 1.
EXAMPLE_LENGTHS = 5


class Sequence(Embedded):
    """A list of ids or words in each row, embedded and pooled to one vector.

    Attributes:
        max_length: largest number of values per row. A longer list keeps its last
            values. Empty values in a list do not count: they are dropped first.
        separator: text between the values of a text column such as `a|b|c`; null for a
            column of lists. With a separator, a column of lists is read too, but an
            exported model reads text.
        pooling: `mean`, `sum` or `max` over the vectors of a row's values; or
            `attention`, a sum in which each value counts by how relevant it is to the
            row's value of the feature that `table` names, as in DIN, see
            `layers.TargetAttention`. Unseen values do not count if the `min_count` of
            the table is 1, or if the table is frozen: then training has learnt no
            vector for them.
        weights: column with one number for each value, in the same form as the values.
            The vector of each value is multiplied by its number, except with `max`.
        min_count: values that occur less often in the training rows share id 0 with
            unseen values.
        table: another feature whose embedding table this feature uses; null makes a
            table for this feature.
        pretrained: vectors that the embedding table starts from.
    """

    max_length: Annotated[int, Field(ge=1, le=MAX_LENGTH, examples=[50])]
    separator: Annotated[str, Field(min_length=1)] | None = None
    pooling: Literal["mean", "sum", "max", "attention"] = "mean"
    weights: str | None = None
    min_count: Count = 1
    table: str | None = None
    pretrained: Pretrained | None = None

    id_encoding = "vocabulary"
    has_one_id = False
    aligns_columns = True
    reports_unseen = True

    @model_validator(mode="after")
    def _check_pooling(self) -> Self:
        if self.weights is not None and self.pooling == "max":
            raise ValueError(
                "weights: pooling max does not use weights; remove the key weights, or "
                "set pooling to mean or sum"
            )
        if self.pooling == "attention" and self.table is None:
            raise ValueError(
                "pooling: attention compares the values with the row's value of "
                "another feature, such as its item; name this feature with the key "
                "table, or set pooling to mean"
            )
        return self

    def check_table_owner(self, name: str, owner: Embedded) -> None:
        if self.pooling == "attention" and not owner.has_one_id:
            raise ValueError(
                f"features.{name}.pooling: attention compares the values with the "
                f"row's value of {self.table}, which is a list itself; name a feature "
                "with one value per row as table, or set pooling to mean"
            )

    def source_columns(self, name: str) -> list[str]:
        return [name] if self.weights is None else [name, self.weights]

    def read(self, name: str, table: pa.Table) -> Tokens:
        return read_tokens(
            name,
            table,
            max_length=self.max_length,
            separator=self.separator,
            weight_column=self.weights,
        )

    def fitter(self, name: str) -> ListFitter:
        # Only the feature that owns the embedding table learns the vocabulary.
        min_count = self.min_count if self.table_owner(name) == name else None
        return ListFitter(name, partial(self.read, name), min_count, self.separator)

    def encode(self, name: str, values: Tokens, learnt: Learnt) -> dict[str, Array]:
        """Returns the ids and weights of each row's values, both (rows, max_length).

        A row with fewer than `max_length` values ends in zeros.
        """
        shape = (values.num_rows, self.max_length)
        ids = np.zeros(shape, "int32")
        weights = np.zeros(shape, "float32")
        rows, columns = values.row_numbers, values.positions
        ids[rows, columns] = vocabulary_ids(values.categorical, learnt.vocabulary)
        weights[rows, columns] = values.weights
        return {"sequences": ids, "sequence_weights": weights}

    def all_values(self, columns: dict[str, Array]) -> tuple[Array, Array]:
        """Returns the ids of all values whose weight is not 0, and their row numbers.

        A value with weight 0 has no effect, and looks the same as the zeros at the end
        of a short list.
        """
        rows, positions = np.nonzero(columns["sequence_weights"])
        return columns["sequences"][rows, positions], rows

    def input_kinds(self, name: str) -> dict[str, InputKind]:
        if self.separator is not None:
            return dict.fromkeys(self.source_columns(name), "text")
        kinds: dict[str, InputKind] = {name: "texts"}
        if self.weights is not None:
            kinds[self.weights] = "numbers"
        return kinds

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        texts, weights = self._read_in_graph(name, ops)
        is_present = ops.is_present(texts)
        if weights is None:
            weights = ops.cast(is_present, "float32")  # 1 for each value
        else:
            weights = ops.match_width(weights, texts)
            is_number = ops.is_number(weights)
            is_in_range = ops.is_within(weights, 0, FLOAT32_MAX)
            # Only the weights of values that are not empty are checked.
            for is_valid in (is_number, is_in_range):
                ops.require(ops.all_present_satisfy(is_present, is_valid))
        ids = ops.vocabulary_ids(texts, learnt["vocabulary"])
        ids, weights = ops.last_values(is_present, [ids, weights], self.max_length)
        return {"sequences": ids, "sequence_weights": weights}

    def _read_in_graph(self, name: str, ops: GraphOps) -> tuple[Tensor, Tensor | None]:
        """Reads the values of each row, and their weights if there are any."""
        if self.separator is None:
            texts = ops.read_column(name, "texts")
            if self.weights is None:
                return texts, None
            return texts, ops.read_column(self.weights, "numbers")
        texts, counts = ops.split(ops.read_column(name, "text"), self.separator)
        if self.weights is None:
            return texts, None
        column = ops.read_column(self.weights, "text")
        weight_texts, weight_counts = ops.split(column, self.separator)
        ops.require(ops.is_equal(counts, weight_counts))
        return texts, ops.parse_lists(weight_texts)

    def examples(
        self, name: str, learnt: Learnt, random: np.random.Generator, num_rows: int
    ) -> dict[str, Cells]:
        # Several sequences may use the same column of weights. Therefore the lists of a
        # row have the same length in all features.
        lengths = [row % EXAMPLE_LENGTHS for row in range(num_rows)]
        lists: Cells = [
            example_values(learnt["vocabulary"], random, length) for length in lengths
        ]
        weights: Cells = [random.random(length).tolist() for length in lengths]
        if self.separator is not None:
            lists = [join_values(values, self.separator) for values in lists]
            weights = [
                None if text is None else join_values(values, self.separator)
                for text, values in zip(lists, weights, strict=True)
            ]
        columns = {name: lists}
        if self.weights is not None:
            columns[self.weights] = weights
        return columns

    def block(self, name: str, learnt: Learnt) -> Block:
        return Block("sequences", self.max_length, self.table_owner(name), self.pooling)


def join_values(values: list[Any], separator: str) -> str | None:
    """Joins values to one text; None, and values with a separator, are left empty."""
    texts = ["" if value is None else str(value) for value in values]
    texts = ["" if separator in text else text for text in texts]
    return separator.join(texts) or None
