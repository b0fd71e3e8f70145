"""Reads label columns as numbers, checks the labels, and computes their statistics."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import are_printable_times, is_number, is_text
from mtl_cli.columns.cells import Mask, empty_cells
from mtl_cli.columns.numeric import Floats, as_numbers, check_numbers
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown


def read_label_numbers(message_start: str, column: pa.ChunkedArray, fix: str) -> Floats:
    """Reads a label column as numbers.

    Args:
        message_start: the task and the column, for messages.
        column: the label column.
        fix: what the user can do if the labels are not numbers, for messages.

    Returns: (rows,), NaN where a cell is empty.

    Raises:
        DataError: if a cell is neither empty nor a number.
    """
    # If all cells are empty, the column's type does not matter.
    if empty_cells(column).all():
        return np.full(len(column), np.nan)
    if is_number(column.type) or is_text(column.type):
        return as_numbers(message_start, column, f"correct the cell, or {fix}")
    example = ""
    if are_printable_times(column):
        first_cell = next(cell for cell in column if cell.is_valid)
        example = f" such as {shown(first_cell.as_py())}"
    raise DataError(f"{message_start} holds {column.type}{example}, not numbers; {fix}")


def check_labels(message_start: str, labels: Floats, is_wrong: Mask, rule: str) -> None:
    """Raises an error that names the first wrong label, if there is one.

    Args:
        message_start: the task and the column, for the message.
        labels: the labels, (rows,), NaN where a cell is empty.
        is_wrong: whether each label breaks the rule, (rows,). Ignored for empty cells.
        rule: what a label must be, for the message: "a finite amount of 0 or more".

    Raises:
        CellError: a `DataError`, if a label is wrong.
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
        """The standard deviation of the labels; exactly 0 if all labels are equal.

        There must be at least one label.
        """
        if self.lowest == self.highest:
            return 0.0  # rounding could give another number
        return math.sqrt(self.squared_deviations / self.weight)

    def add(self, labels: Floats, weights: Floats | None = None) -> None:
        """Adds the labels of a chunk.

        The method computes the statistics of the chunk alone, and combines them with
        the statistics of all earlier chunks. The formula E[x^2] - E[x]^2 would be
        simpler, but loses all digits if the deviation is much smaller than the mean,
        as with times in milliseconds.

        Args:
            labels: the labels, float64 (rows,). Labels of NaN are left out.
            weights: the weight of each label, above 0, (rows,). None gives each label
                the weight 1.

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
