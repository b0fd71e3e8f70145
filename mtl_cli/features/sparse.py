"""The feature kind `sparse`."""

from functools import partial

import pyarrow as pa

from mtl_cli.columns.fitters import Learnt, VocabularyFitter
from mtl_cli.columns.vocabulary import (
    Categorical,
    as_categorical,
    vocabulary_ids,
    vocabulary_names,
)
from mtl_cli.core.options import Count, NotNegative
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Embedded, Pretrained
from mtl_cli.graphs.base import GraphOps


class Sparse(Embedded):
    """A column of ids or words; each value of the training rows gets an embedding.

    Attributes:
        min_count: values that occur less often in the training rows share id 0 with
            unseen values.
        id_dropout: in each training step, an id that n training rows hold becomes id 0
            with probability id_dropout / (id_dropout + n). So rare ids become unknown
            more often than frequent ids, and training prepares the network for unseen
            values. 0 keeps all ids.
        table: another feature whose embedding table this feature uses; null makes a
            table for this feature.
        pretrained: vectors that the embedding table starts from.
    """

    min_count: Count = 1
    id_dropout: NotNegative = 0.0
    table: str | None = None
    pretrained: Pretrained | None = None

    reports_unseen = True
    id_encoding = "vocabulary"

    def read(self, name: str, table: pa.Table) -> Categorical:
        return as_categorical(name, table[name])

    def fitter(self, name: str) -> VocabularyFitter:
        # Only the feature that owns the embedding table learns the vocabulary.
        min_count = self.min_count if self.table_owner(name) == name else None
        read, learns_counts = partial(self.read, name), self.dropout_count > 0
        return VocabularyFitter(read, min_count, learns_counts)

    def encode(
        self, name: str, values: Categorical, learnt: Learnt
    ) -> dict[str, Array]:
        return {"ids": vocabulary_ids(values, learnt.vocabulary)[:, None]}

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        ids = ops.vocabulary_ids(ops.read_column(name, "text"), learnt["vocabulary"])
        return {"ids": ops.to_matrix(ids)}

    def value_names(self, values: Array, learnt: Learnt) -> list[str]:
        return vocabulary_names(values, learnt.vocabulary)
