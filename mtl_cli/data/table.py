"""Encoded rows, ready for a network."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Table:
    """Rows of one split.

    Attributes:
        features: the network's inputs, `ids` (rows, F) and `dense` (rows, K).
        labels: by task, float32 (rows,); NaN where a row has none.
        weights: by output, float32 (rows,): what a row counts in the output's loss
            and metrics; 0 where it has no label or lies outside the output's space.
        groups: of group AUC, whole numbers (rows,), or None.
    """

    features: dict[str, Array]
    labels: dict[str, Array]
    weights: dict[str, Array]
    groups: Array | None = None

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(next(iter(self.features.values())))

    def take(self, rows: Array) -> "Table":
        """Returns the given rows."""
        return Table(
            {name: x[rows] for name, x in self.features.items()},
            {task: x[rows] for task, x in self.labels.items()},
            {name: x[rows] for name, x in self.weights.items()},
            None if self.groups is None else self.groups[rows],
        )
