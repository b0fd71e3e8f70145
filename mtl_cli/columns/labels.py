"""Reads label columns as numbers, checks the labels, and computes their statistics."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import is_number, is_text
from mtl_cli.columns.cells import Mask, empty_cells
from mtl_cli.columns.numeric import Floats, as_numbers, check_numbers
from mtl_cli.core.errors import DataError


def read_label_numbers(message_start: str, column: pa.ChunkedArray, fix: str) -> Floats:
    """Reads a label column as numbers, (rows,), NaN where a cell is empty.

    `message_start` names the task and the column, and `fix` says what the user can do
    if the labels are not numbers.
    """
    # If all cells are empty, the column's type does not matter.
    if empty_cells(column).all():
        return np.full(len(column), np.nan)
    if is_number(column.type) or is_text(column.type):
        return as_numbers(message_start, column, f"correct the cell, or {fix}")
    raise DataError(f"{message_start} holds {column.type}, not numbers; {fix}")


def check_labels(message_start: str, labels: Floats, is_wrong: Mask, rule: str) -> None:
    """Raises a `CellError` that names the first wrong label, if there is one.

    See `check_numbers` for the arguments. Empty labels, NaN, are never wrong.
    """
    fix = "correct the label, or empty the cell if the label is missing"
    check_numbers(message_start, labels, is_wrong & ~np.isnan(labels), rule, fix)


@dataclass
class LabelSummary:
    """Statistics of one task's training labels, computed chunk by chunk.

    `squared_deviations` is the weighted sum of the labels' squared differences from the
    weighted mean.
    """

    count: int = 0
    weight: float = 0.0
    mean: float = 0.0
    squared_deviations: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf

    @property
    def standard_deviation(self) -> float:
        """The standard deviation of one label or more; exactly 0 if all are equal."""
        if self.lowest == self.highest:
            return 0.0  # rounding could give another number
        return math.sqrt(self.squared_deviations / self.weight)

    def add(self, labels: Floats, weights: Floats | None = None) -> None:
        """Adds the labels of a chunk, float64 (rows,), with weights above 0, (rows,).

        Labels of NaN are left out. The statistics of the chunk are combined with those
        of all earlier chunks. The formula E[x^2] - E[x]^2 would be simpler, but loses
        all digits if the deviation is much smaller than the mean, as with times in
        milliseconds.

        Reference: Chan et al., "Algorithms for Computing the Sample Variance", The
        American Statistician 1983, equations 2.1.
        """
        is_number = ~np.isnan(labels)
        weights = np.ones(len(labels)) if weights is None else weights.astype("float64")
        labels, weights = labels[is_number], weights[is_number]
        if not len(labels):
            return
        origin = labels[0]  # subtracted before averaging: large labels round less
        chunk_mean = float(origin + np.average(labels - origin, weights=weights))
        chunk_weight = float(weights.sum())
        weight = self.weight + chunk_weight
        difference = chunk_mean - self.mean
        self.squared_deviations += float((weights * (labels - chunk_mean) ** 2).sum())
        self.squared_deviations += difference**2 * self.weight * chunk_weight / weight
        self.mean += difference * chunk_weight / weight
        self.weight = weight
        self.count += len(labels)
        self.lowest = min(self.lowest, float(labels.min()))
        self.highest = max(self.highest, float(labels.max()))
