"""The feature kind `hashed`."""

import pyarrow as pa

from mtl_cli.columns.vocabulary import Learnt, Values, hashed, values_of
from mtl_cli.features.base import Array, Embedded, NumBuckets


class Hashed(Embedded):
    """A column of ids or words, hashed to a fixed number of embeddings.

    Attributes:
        num_buckets: number of embeddings; empty cells have one more.
        table: a feature whose embedding table this feature uses too; null makes a
            table for this feature.
    """

    num_buckets: NumBuckets
    table: str | None = None
    shared_ids = "hash"

    def read(self, name: str, table: pa.Table) -> Values:
        return values_of(name, table[name])

    def encode(self, name: str, values: Values, learnt: Learnt) -> dict[str, Array]:
        return {"ids": hashed(values, self.num_buckets)[:, None]}

    def num_ids(self, learnt: Learnt) -> int:
        return 1 + self.num_buckets
