"""The feature kind `cross`."""

from functools import partial
from typing import Annotated, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from mtl_cli.columns.examples import Cells, example_values
from mtl_cli.columns.fitters import Fitter, Learnt, VocabularyFitter
from mtl_cli.columns.vocabulary import (
    UNIT_SEPARATOR,
    Categorical,
    cross,
    hash_ids,
    vocabulary_ids,
    vocabulary_names,
)
from mtl_cli.core.options import Count, NotNegative
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Embedded, NumBuckets
from mtl_cli.graphs.base import GraphOps

# The value of `id_dropout: auto`. On 16 tables, more losses fell with a cross and this
# value than with 0, 2 or 10, and fewer rose; see `docs/explanation/defaults.md`.
AUTO_DROPOUT_COUNT = 5.0


class Cross(Embedded):
    """Several columns; each combination of their values in a row gets an embedding.

    Attributes:
        columns: columns of ids or words; the columns need not be features.
        min_count: combinations that occur less often in the training rows share id 0
            with unseen combinations.
        id_dropout: in each training step, a combination that n training rows hold
            becomes id 0 with probability id_dropout / (id_dropout + n). So the network
            learns to do without rare combinations. `auto` is 5, or 0 with num_buckets;
            0 keeps all ids.
        num_buckets: number of embeddings to which combinations are hashed; null gives
            each combination of the training rows an embedding of its own.
    """

    columns: Annotated[list[str], Field(min_length=2)]
    min_count: Count = 1
    # Keep the order, see `Dimension`.
    id_dropout: Literal["auto"] | NotNegative = "auto"
    num_buckets: NumBuckets | None = None

    reports_unseen = True

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns: names a column twice; name each column once")
        if self.dropout_count and self.num_buckets is not None:
            raise ValueError(
                "id_dropout: needs the count of each combination, but with num_buckets "
                "none are counted; set id_dropout to 0, or num_buckets to null"
            )
        return self

    @property
    def dropout_count(self) -> float:
        if self.id_dropout == "auto":
            return AUTO_DROPOUT_COUNT if self.num_buckets is None else 0.0
        return self.id_dropout

    def source_columns(self, name: str) -> list[str]:
        return self.columns

    def read(self, name: str, table: pa.Table) -> Categorical:
        return cross(name, {column: table[column] for column in self.columns})

    def fitter(self, name: str) -> Fitter:
        if self.num_buckets is not None:
            return super().fitter(name)
        read, learns_counts = partial(self.read, name), self.dropout_count > 0
        return VocabularyFitter(read, self.min_count, learns_counts)

    def encode(
        self, name: str, values: Categorical, learnt: Learnt
    ) -> dict[str, Array]:
        if self.num_buckets is not None:
            return {"ids": hash_ids(values, self.num_buckets)[:, None]}
        return {"ids": vocabulary_ids(values, learnt.vocabulary)[:, None]}

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        columns = [ops.read_column(column, "text") for column in self.columns]
        texts = ops.join_columns(columns, UNIT_SEPARATOR)
        if self.num_buckets is None:
            # A row with an empty cell gets id 0: the joined text has an empty part, and
            # no combination in the vocabulary has an empty part.
            ids = ops.vocabulary_ids(texts, learnt["vocabulary"])
        else:
            has_all_cells = ops.all_present(columns)
            ids = ops.where(has_all_cells, ops.hash_ids(texts, self.num_buckets), 0)
        return {"ids": ops.to_matrix(ids)}

    def examples(
        self, name: str, learnt: Learnt, random: np.random.Generator, num_rows: int
    ) -> dict[str, Cells]:
        rows: list[Cells] = []
        for value in example_values(learnt.get("vocabulary", []), random, num_rows):
            cells: Cells = [] if value is None else value.split(UNIT_SEPARATOR)
            # Missing and unseen values are no combinations of as many cells.
            is_combination = len(cells) == len(self.columns)
            rows.append(cells if is_combination else [value] * len(self.columns))
        return {c: [row[i] for row in rows] for i, c in enumerate(self.columns)}

    def value_names(self, values: Array, learnt: Learnt) -> list[str] | None:
        if self.num_buckets is not None:
            return None
        names = vocabulary_names(values, learnt.vocabulary)
        return [name.replace(UNIT_SEPARATOR, " & ") for name in names]

    def num_ids(self, learnt: Learnt) -> int:
        if self.num_buckets is not None:
            return 1 + self.num_buckets
        return super().num_ids(learnt)
