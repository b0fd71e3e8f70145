"""The operations from which features build their part of an exported graph."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from mtl_cli.core.tensors import Tensor

# The content of one cell of an input: a text, a number, or a list of them.
InputKind = Literal["text", "number", "texts", "numbers"]
# Regular expressions for the numbers and booleans that `mtl-predict` reads from text.
WORD = r"[+-]?([nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)|true|false"
DECIMAL = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


class GraphError(ValueError):
    """A feature has no graph, or needs an operation that the graph's format lacks."""


class GraphOps(ABC):
    """Builds the part of a graph that turns raw columns into inputs of the network.

    There is one subclass for each graph format, so that one `Feature.graph` serves all.
    Each method adds an operation to the graph, and returns the tensor that it computes.

    - A text is a string. The text of an empty cell is "".
    - A number is a float64. The number of an empty cell is NaN.
    - A column of texts or numbers has the shape (rows,).
    - A column of lists has the shape (rows, longest list). Shorter lists are filled up
      with empty cells.
    - A result has the shape of the first argument, unless its docstring says otherwise.

    A graph cannot stop at a wrong cell, such as a text where a number is expected: an
    error would also lose the predictions of all other rows in the batch. Therefore the
    predictions of a row with a wrong cell are NaN, see `require`.

    Args:
        input_kinds: {column: the kind of the graph's input}.

    Attributes:
        numeral: a regular expression for the numbers that the graph reads from text.
        constant_rows: {column: its cells in every row} for the columns that are the
            same in all rows. Such a column is no input of the graph.
        conditions: the conditions that each row must satisfy, see `require`.
    """

    numeral: ClassVar[str] = rf"[ \t]*({DECIMAL}|{WORD})[ \t]*"

    def __init__(self, input_kinds: Mapping[str, InputKind]) -> None:
        self.input_kinds = input_kinds
        self.constant_rows: dict[str, npt.NDArray[Any]] = {}
        self.conditions: list[Tensor] = []

    def read_column(self, column: str, kind: InputKind) -> Tensor:
        """Returns a raw column with cells of the kind that a feature needs.

        If another feature reads the same column as text, the graph's input is text. If
        this feature needs numbers, the texts are then parsed.
        """
        if column in self.constant_rows:
            row = self.constant_rows[column]
            cells = self.repeat_row(row)
            is_text = row.dtype == np.dtype(object)
        else:
            cells = self.input_tensor(column)
            is_text = self.input_kinds[column] in ("text", "texts")
        if kind in ("text", "texts") or not is_text:
            return cells
        if kind == "numbers":
            return self.parse_lists(cells)
        self.require(self.is_numeral_or_empty(cells))
        return self.parse_numbers(cells)

    def parse_lists(self, texts: Tensor) -> Tensor:
        is_valid = self.is_numeral_or_empty(texts)
        self.require(self.all_present_satisfy(self.is_present(texts), is_valid))
        return self.parse_numbers(texts)

    def require(self, condition: Tensor) -> None:
        """Makes the predictions of rows NaN where a condition, (rows,), is false."""
        self.conditions.append(condition)

    def is_accepted(self) -> Tensor:
        """Returns whether a row satisfies all conditions of `require`, (rows,)."""
        return self.all_true([self.repeat_row(np.array([True])), *self.conditions])

    def is_numeral_or_empty(self, texts: Tensor) -> Tensor:
        """Returns whether each text is empty or matches `numeral`."""
        return self.matches(texts, f"({self.numeral})?")

    def all_present(self, columns: Sequence[Tensor]) -> Tensor:
        """Returns whether all text columns have a text in a row, (rows,)."""
        return self.all_true([self.is_present(texts) for texts in columns])

    def fill_nan(self, numbers: Tensor, value: float | Sequence[float]) -> Tensor:
        """Replaces each NaN by a value, or by the value of its column."""
        return self.where(self.is_number(numbers), numbers, value)

    @abstractmethod
    def input_tensor(self, column: str) -> Tensor:
        """Returns the graph's input for a column."""

    @abstractmethod
    def repeat_row(self, row: npt.NDArray[Any]) -> Tensor:
        """Repeats the cells of one row for all rows of the graph's inputs.

        A row is one cell, (1,), or a list of cells, (1, length). The result has the
        shape (rows,) or (rows, length).
        """

    @abstractmethod
    def is_present(self, texts: Tensor) -> Tensor:
        """Returns whether each text is not empty."""

    @abstractmethod
    def matches(self, texts: Tensor, pattern: str) -> Tensor:
        """Returns whether each whole text matches a regular expression."""

    @abstractmethod
    def vocabulary_ids(self, texts: Tensor, vocabulary: Sequence[str]) -> Tensor:
        """Returns the int64 id of each text: 1 + its position in the vocabulary.

        A text that is not in the vocabulary has the id 0.
        """

    @abstractmethod
    def hash_ids(self, texts: Tensor, num_buckets: int) -> Tensor:
        """Returns the int64 id of each text: 1 + its hash modulo `num_buckets`.

        An empty text has the id 0.
        """

    @abstractmethod
    def join_columns(self, columns: Sequence[Tensor], separator: str) -> Tensor:
        """Joins the texts of each row, with a separator between two texts."""

    @abstractmethod
    def split(self, texts: Tensor, separator: str) -> tuple[Tensor, Tensor]:
        """Splits the text of each row at a separator. An empty text has no parts.

        Returns: the parts, (rows, largest number of parts), with empty texts after the
            parts of shorter rows; and the number of parts in each row, (rows,).
        """

    @abstractmethod
    def split_item(self, texts: Tensor, separator: str, index: int) -> Tensor:
        """Splits each text, and returns the item at `index`; "" if there is none."""

    @abstractmethod
    def parse_numbers(self, texts: Tensor) -> Tensor:
        """Converts texts to float64. Empty texts and texts of no number become NaN."""

    @abstractmethod
    def is_number(self, numbers: Tensor) -> Tensor:
        """Returns whether each number is not NaN."""

    @abstractmethod
    def is_within(self, numbers: Tensor, low: float, high: float) -> Tensor:
        """Returns whether each number is at least `low` and at most `high`, or NaN."""

    @abstractmethod
    def bucket_ids(self, numbers: Tensor, cuts: Sequence[float]) -> Tensor:
        """Returns the int64 id of the bucket that each number lies in.

        The id is 1 + the count of cuts that are less than or equal to the number. The
        id of NaN is 0.
        """

    @abstractmethod
    def scale(
        self, x: Tensor, shift: float | Sequence[float], width: float | Sequence[float]
    ) -> Tensor:
        """Returns (x - shift) / width, with one number or one number per column."""

    @abstractmethod
    def floor_divide(self, numbers: Tensor, divisor: int) -> Tensor:
        """Returns number / divisor, rounded down to a whole number."""

    @abstractmethod
    def weighted_sum(
        self, terms: Sequence[tuple[Tensor, float]], shift: float = 0
    ) -> Tensor:
        """Returns the sum of `shift` and weight * numbers of each term."""

    def divmod(self, numbers: Tensor, divisor: int) -> tuple[Tensor, Tensor]:
        """Returns the quotients of `floor_divide`, and the remainders."""
        quotients = self.floor_divide(numbers, divisor)
        return quotients, self.weighted_sum([(numbers, 1), (quotients, -divisor)])

    @abstractmethod
    def signed_log1p(self, x: Tensor) -> Tensor:
        """Returns log(1 + |x|) with the sign of x."""

    @abstractmethod
    def interpolate(
        self, x: Tensor, xs: Sequence[float], ys: Sequence[float]
    ) -> Tensor:
        """Interpolates between points (xs, ys), as `numpy.interp`; xs ascend."""

    @abstractmethod
    def ramps(
        self, x: Tensor, starts: Sequence[float], widths: Sequence[float]
    ) -> Tensor:
        """Returns (x - start) / width within 0 to 1 of each bucket, (rows, buckets)."""

    @abstractmethod
    def match_width(self, numbers: Tensor, texts: Tensor) -> Tensor:
        """Cuts lists of numbers, or fills them up with NaN, to the width of `texts`."""

    @abstractmethod
    def last_values(
        self, is_present: Tensor, lists: Sequence[Tensor], max_length: int
    ) -> list[Tensor]:
        """Keeps the last present values of each row, with zeros after them.

        `is_present` says which cells are present, and each tensor of `lists` holds ids
        or numbers. All have the shape (rows, longest list).

        Returns: a tensor of shape (rows, max_length) for each tensor of `lists`.
        """

    @abstractmethod
    def count_true(self, conditions: Tensor) -> Tensor:
        """Counts the cells of each row in which a condition is true, int64, (rows,)."""

    @abstractmethod
    def all_present_satisfy(self, is_present: Tensor, condition: Tensor) -> Tensor:
        """Returns whether a condition holds in all present cells of a row, (rows,)."""

    @abstractmethod
    def all_true(self, conditions: Sequence[Tensor]) -> Tensor:
        """Returns whether all conditions are true; there is at least one."""

    @abstractmethod
    def is_equal(self, counts: Tensor, other_counts: Tensor) -> Tensor:
        """Returns whether two whole numbers are equal in each row."""

    @abstractmethod
    def where(
        self, condition: Tensor, values: Tensor, otherwise: float | Sequence[float]
    ) -> Tensor:
        """Returns `values` where a condition is true, and `otherwise` elsewhere.

        `otherwise` is one number, or one number per column.
        """

    @abstractmethod
    def to_matrix(self, values: Tensor) -> Tensor:
        """Changes the shape of one value per row from (rows,) to (rows, 1)."""

    @abstractmethod
    def concatenate(self, matrices: Sequence[Tensor], dtype: str) -> Tensor:
        """Joins matrices side by side, after converting them to `int32` or `float32`.

        Returns: a tensor of shape (rows, sum of all widths).
        """

    @abstractmethod
    def cast(self, values: Tensor, dtype: str) -> Tensor:
        """Converts numbers or booleans to a dtype of NumPy."""


def segments(xs: Sequence[float], ys: Sequence[float]) -> list[list[float]]:
    """Returns the n + 1 segments of `GraphOps.interpolate` between n points.

    Returns: the x and the y at which each segment starts, and its slope, 0 for the
        first and the last. The first has no start, so it gets the first point.

    >>> segments([0, 2], [1, 5])
    [[0, 0, 2], [1, 1, 5], [0.0, 2.0, 0.0]]
    """
    x, y = np.array([xs[0], *xs]), np.array([ys[0], *ys])
    widths = np.diff(x, append=x[-1])
    heights = np.diff(y, append=y[-1])
    slopes = np.divide(heights, widths, out=np.zeros(len(x)), where=widths > 0)
    return [x.tolist(), y.tolist(), slopes.tolist()]
