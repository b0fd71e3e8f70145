"""The feature kind `sparse`."""

from functools import partial

import pyarrow as pa

from mtl_cli.columns.fitters import VocabularyFitter
from mtl_cli.columns.vocabulary import Learnt, Values, lookup, values_of
from mtl_cli.core.options import Count
from mtl_cli.features.base import Array, Embedded, Pretrained

ROW_ID_SHARE = 0.5  # distinct values per row
FEW_VALUES = 50


class Sparse(Embedded):
    """A column of ids or words; each value of the training rows gets an embedding.

    Attributes:
        min_count: rarer values of the training rows share id 0 with unseen values.
        table: a feature whose embedding table this feature uses too; null makes a
            table for this feature.
        pretrained: vectors that the embedding table starts from.
    """

    min_count: Count = 1
    table: str | None = None
    pretrained: Pretrained | None = None
    reports_unseen = True
    shared_ids = "vocabulary"

    def read(self, name: str, table: pa.Table) -> Values:
        return values_of(name, table[name])

    def fitter(self, name: str) -> VocabularyFitter:
        min_count = self.min_count if self.table is None else None
        return VocabularyFitter(partial(self.read, name), min_count)

    def encode(self, name: str, values: Values, learnt: Learnt) -> dict[str, Array]:
        return {"ids": lookup(values, learnt.vocabulary)[:, None]}

    def num_ids(self, learnt: Learnt) -> int:
        return 1 + len(learnt["vocabulary"])

    def is_row_id(self, distinct: int, rows: int) -> bool:
        return distinct > max(ROW_ID_SHARE * rows, FEW_VALUES)
