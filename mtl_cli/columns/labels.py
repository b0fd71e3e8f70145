"""Label columns: read as numbers, checked, and summed up."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mtl_cli.columns.cells import Mask, empty_cells
from mtl_cli.columns.numeric import Floats, as_numbers, check_numbers
from mtl_cli.core.errors import DataError, RowError, shown


def read_label_numbers(message_start: str, column: pa.ChunkedArray, fix: str) -> Floats:
    """Returns a label column as numbers, (rows,), NaN where a cell is empty.

    Args:
        message_start: the task and the column, for error messages.
        column: the label column.
        fix: what the user can do about cells that are no numbers, for error messages.

    Raises:
        DataError: if a cell holds anything but a number.
    """
    if empty_cells(column).all():  # then the type of the column does not matter
        return np.full(len(column), np.nan)
    try:
        return as_numbers(message_start, column)
    except RowError as error:
        problem = f"{error.problem}; {fix}"
        raise RowError(message_start, error.row, problem) from None
    except DataError:
        example = next(cell.as_py() for cell in column if cell.is_valid)
        raise DataError(
            f"{message_start} holds {column.type} such as {shown(example)}, "
            f"not numbers; {fix}"
        ) from None


def check_labels(message_start: str, labels: Floats, is_wrong: Mask, rule: str) -> None:
    """Raises an error that names the first wrong label, if there is one.

    Args:
        message_start: the task and the column, for the error message.
        labels: the labels, (rows,). NaN marks an empty cell. An empty cell is never
            wrong.
        is_wrong: whether each label breaks the rule, (rows,).
        rule: what a label must be, for the error message.
    """
    fix = "an empty cell is a missing label"
    check_numbers(message_start, labels, is_wrong & ~np.isnan(labels), rule, fix)


@dataclass
class LabelSummary:
    """The labels of one task in the training rows, summed up chunk by chunk.

    Attributes:
        rows: number of labels.
        mean: mean of the labels.
        squares: sum of the squared differences of the labels from their mean.
        lowest: the smallest label.
        highest: the largest label.
    """

    rows: int = 0
    mean: float = 0.0
    squares: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf

    @property
    def deviation(self) -> float:
        """The standard deviation of the labels; exactly 0 if all are equal."""
        if self.lowest == self.highest:
            return 0.0
        return math.sqrt(self.squares / self.rows)

    def add(self, labels: Floats) -> None:
        """Adds the labels of further rows, float64 (rows,), without NaN.

        The mean of the squares minus the square of the mean would lose all digits of a
        deviation that is much smaller than the mean, such as the deviation of times in
        milliseconds.

        Reference: Chan et al., "Algorithms for Computing the Sample Variance", The
        American Statistician 1983, equations 2.1.
        """
        if not len(labels):
            return
        first = labels[0]
        mean = float(first + (labels - first).mean())
        rows = self.rows + len(labels)
        step = mean - self.mean
        self.squares += float(((labels - mean) ** 2).sum())
        self.squares += step**2 * self.rows * len(labels) / rows
        self.mean += step * len(labels) / rows
        self.rows = rows
        self.lowest = min(self.lowest, float(labels.min()))
        self.highest = max(self.highest, float(labels.max()))
