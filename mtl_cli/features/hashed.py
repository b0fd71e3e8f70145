"""The feature kind `hashed`."""

from typing import Annotated

import pyarrow as pa
from pydantic import Field

from mtl_cli.columns.fitters import Learnt
from mtl_cli.columns.vocabulary import Categorical, as_categorical, hash_ids
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Embedded, NumBuckets
from mtl_cli.graphs.base import GraphOps


class Hashed(Embedded):
    """A column of ids or words, hashed to a fixed number of embeddings.

    Attributes:
        num_buckets: number of embeddings, not counting the embedding of empty cells.
        table: another feature whose embedding table this feature uses; null makes a
            table for this feature.
    """

    num_buckets: Annotated[NumBuckets, Field(examples=[100_000])]
    table: str | None = None

    id_encoding = "hash"

    def read(self, name: str, table: pa.Table) -> Categorical:
        return as_categorical(name, table[name])

    def encode(
        self, name: str, values: Categorical, learnt: Learnt
    ) -> dict[str, Array]:
        return {"ids": hash_ids(values, self.num_buckets)[:, None]}

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        ids = ops.hash_ids(ops.read_column(name, "text"), self.num_buckets)
        return {"ids": ops.to_matrix(ids)}

    def num_ids(self, learnt: Learnt) -> int:
        return 1 + self.num_buckets
