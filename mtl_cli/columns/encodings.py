"""The encodings of a batch of rows, and the vectors of single features beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from mtl_cli.core.tensors import Tensor


@dataclass(frozen=True)
class Encodings:
    """The output of an encoder for a batch of rows, for each set of embeddings.

    Attributes:
        outputs: the encodings, `(batch, dim)` for each set.
        x: the embeddings and dense features side by side, before any interaction,
            `(batch, columns)` for each set.
        columns: the feature of each column of x.
        embedded: the features with embeddings.
        scenario: the shares of the scenarios in each row, `(batch, scenarios)`: 1 for
            the scenario of the row, and equal shares if it is unknown; None if nothing
            reads the scenario.
    """

    outputs: list[Tensor]
    x: list[Tensor]
    columns: list[str]
    embedded: list[str]
    scenario: Tensor | None = None

    def of_features(self, names: Sequence[str]) -> list[Tensor]:
        """Returns the columns of some features in x, `(batch, width)` for each set.

        Args:
            names: the features, in any order; empty for all features with embeddings,
                or for all features if none has embeddings.
        """
        from keras import ops

        selected = names or self.embedded or self.columns
        runs, start = [], 0
        for name, columns in groupby(self.columns):
            stop = start + len(list(columns))
            runs += [slice(start, stop)] if name in selected else []
            start = stop
        return [ops.concatenate([x[:, run] for run in runs], axis=-1) for x in self.x]
