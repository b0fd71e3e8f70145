"""The encodings that an encoder computes for a batch of rows, and their features."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from mtl_cli.core.tensors import Tensor


@dataclass(frozen=True)
class Encodings:
    """The encodings of a batch of rows, and the features from which they are computed.

    A network has one set of embedding tables, or several sets, such as one per task.
    Each set has an encoding of its own.

    Attributes:
        outputs: the encoding of each set, `(batch, dim)` each.
        x: the embeddings and dense features side by side, before any interaction, one
            tensor `(batch, columns)` per set.
        columns: the name of the feature to which each column of `x` belongs.
        embedded: the names of the features with embeddings.
        scenario_weights: the weight of each scenario in each row, `(batch,
            scenarios)`. The weight is 1 for the scenario of the row; if the scenario is
            unknown, all weights are equal and sum to 1. None if no part of the network
            reads the scenario.
        outputs_are_x: whether each encoding is `x`, or `x` with scaled columns:
            the encoder then has neither a deep network nor interactions.
        num_members: number of members of an ensemble. The tensors hold the rows of the
            first member, then the rows of the second, and so on.
    """

    outputs: list[Tensor]
    x: list[Tensor]
    columns: list[str]
    embedded: list[str]
    scenario_weights: Tensor | None = None
    outputs_are_x: bool = False
    num_members: int = 1

    def of_features(self, names: Sequence[str]) -> list[Tensor]:
        """Returns the columns of some features in `x`, `(batch, width)` for each set.

        Without names, the method returns the columns of all features with embeddings,
        or of all features if no feature has embeddings.
        """
        selected = names or self.embedded or self.columns
        return columns_of_features(self.x, self.columns, selected)


def columns_of_features(
    xs: Sequence[Tensor], feature_of_column: Sequence[str], names: Sequence[str]
) -> list[Tensor]:
    """Returns the columns of the named features in each x, `(batch, width)` each."""
    from keras import ops

    slices = []
    start = 0
    for name, columns in groupby(feature_of_column):
        stop = start + len(list(columns))
        if name in names:
            slices.append(slice(start, stop))
        start = stop
    return [ops.concatenate([x[:, s] for s in slices], axis=-1) for x in xs]


def sets_of_tasks(tensors: Sequence[Tensor], num_tasks: int) -> Tensor:
    """Returns the inputs of the tasks' towers: one for all towers, or one per task.

    Args:
        tensors: a tensor `(batch, dim)` for each set of embedding tables: one set for
            all tasks, or one per task, perhaps followed by a shared set, which no tower
            reads.
        num_tasks: the number of tasks, T.

    Returns: `(batch, dim)` if there is one set for all tasks; else `(T, batch, dim)`.
    """
    from keras import ops

    return tensors[0] if len(tensors) == 1 else ops.stack(tensors[:num_tasks])
