"""The operations from which features build their encoding in an exported graph."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar, Literal

from mtl_cli.core.tensors import Tensor

# The values that an input of an exported graph holds for each row.
InputKind = Literal["text", "number", "texts", "numbers"]


class GraphError(ValueError):
    """A graph cannot hold an operation of a feature, or the feature has no graph."""


class Ops(ABC):
    """The operations of one format of graphs.

    The graph reads raw columns. Texts are strings, "" where a cell is empty. Numbers
    are float64, NaN where a cell is empty. A list of texts or numbers is a row of a
    matrix (rows, longest list); shorter lists end in empty cells.

    A graph cannot stop at a wrong cell, as `mtl-predict` does, without failing the
    other rows of its batch. Instead, the predictions of a refused row are NaN.

    Args:
        kinds: {column: what the graph's input holds}.
    """

    format_name: ClassVar[str]

    def __init__(self, kinds: Mapping[str, InputKind]) -> None:
        self.kinds = kinds
        self.conditions: list[Tensor] = []

    def column(self, name: str, kind: InputKind) -> Tensor:
        """Returns a raw column, (rows,) or (rows, longest list).

        Args:
            name: the column.
            kind: what the feature reads. Numbers are read from text if another feature
                reads the column as text.
        """
        x = self.input(name)
        if self.kinds[name] == "text" and kind == "number":
            return self.numbers_in(x)
        return x

    def require(self, condition: Tensor) -> None:
        """Refuses the rows in which a condition is false, (rows,)."""
        self.conditions.append(condition)

    @abstractmethod
    def input(self, name: str) -> Tensor:
        """Returns the graph's input of a column."""

    @abstractmethod
    def vocabulary_ids(self, texts: Tensor, vocabulary: Sequence[str]) -> Tensor:
        """Returns 1 + the position of each text in a vocabulary, else 0; int64."""

    @abstractmethod
    def hash_ids(self, texts: Tensor, num_buckets: int) -> Tensor:
        """Returns the bucket of each text, from 1; 0 for an empty text; int64."""

    @abstractmethod
    def join_columns(self, columns: Sequence[Tensor], separator: str) -> Tensor:
        """Returns the texts of several columns with a separator between them."""

    @abstractmethod
    def all_present(self, columns: Sequence[Tensor]) -> Tensor:
        """Returns whether none of several texts is empty, (rows,)."""

    @abstractmethod
    def where(self, condition: Tensor, x: Tensor, otherwise: float) -> Tensor:
        """Returns x where a condition holds, and a constant elsewhere."""

    @abstractmethod
    def split(self, texts: Tensor, separator: str) -> tuple[Tensor, Tensor]:
        """Splits texts; returns the parts, (rows, most parts), and their numbers.

        A row with fewer parts ends in empty texts. An empty text has no parts.
        """

    @abstractmethod
    def numbers_in(self, texts: Tensor) -> Tensor:
        """Returns texts as float64, NaN for an empty text."""

    @abstractmethod
    def bucket_ids(self, x: Tensor, cuts: Sequence[float]) -> Tensor:
        """Returns 1 + the number of cuts that each number reaches, 0 for NaN; int64."""

    @abstractmethod
    def filled(self, x: Tensor, value: float) -> Tensor:
        """Returns numbers with a value in place of NaN."""

    @abstractmethod
    def scaled(self, x: Tensor, shift: float, width: float) -> Tensor:
        """Returns (x - shift) / width."""

    @abstractmethod
    def signed_log1p(self, x: Tensor) -> Tensor:
        """Returns log(1 + |x|) with the sign of x."""

    @abstractmethod
    def interpolated(
        self, x: Tensor, xs: Sequence[float], ys: Sequence[float]
    ) -> Tensor:
        """Returns `numpy.interp(x, xs, ys)`, (rows,)."""

    @abstractmethod
    def ramps(
        self, x: Tensor, starts: Sequence[float], widths: Sequence[float]
    ) -> Tensor:
        """Returns (x - start) / width between 0 and 1, (rows, number of starts)."""

    @abstractmethod
    def as_column(self, x: Tensor) -> Tensor:
        """Returns one number or id per row as a matrix, (rows, 1)."""

    @abstractmethod
    def ones_like(self, texts: Tensor) -> Tensor:
        """Returns the float64 1 for each text."""

    @abstractmethod
    def is_present(self, texts: Tensor) -> Tensor:
        """Returns whether each text is not empty."""

    @abstractmethod
    def aligned(self, numbers: Tensor, like: Tensor) -> Tensor:
        """Returns lists of numbers, cut or filled with NaN to the width of `like`."""

    @abstractmethod
    def last_values(
        self, is_present: Tensor, lists: Sequence[Tensor], max_length: int
    ) -> list[Tensor]:
        """Returns the last present values of each row, then zeros, (rows, max_length).

        Args:
            is_present: whether each cell counts, (rows, longest list).
            lists: ids or numbers, (rows, longest list) each.
            max_length: the number of values to keep.
        """

    @abstractmethod
    def shares(self, weights: Tensor) -> Tensor:
        """Returns float32 weights divided by their sum in each row, if it is not 0."""

    @abstractmethod
    def as_float32(self, x: Tensor) -> Tensor:
        """Returns numbers as float32."""

    @abstractmethod
    def concatenated(self, columns: Sequence[Tensor], dtype: str) -> Tensor:
        """Returns matrices side by side, as a type of numbers, (rows, columns)."""

    @abstractmethod
    def is_number(self, x: Tensor) -> Tensor:
        """Returns whether each number is not NaN."""

    @abstractmethod
    def is_within(self, x: Tensor, low: float, high: float) -> Tensor:
        """Returns whether each number lies from `low` to `high`; true for NaN."""

    @abstractmethod
    def equal(self, x: Tensor, y: Tensor) -> Tensor:
        """Returns whether two counts are equal, (rows,)."""

    @abstractmethod
    def all_fit(self, is_present: Tensor, fits: Tensor) -> Tensor:
        """Returns whether `fits` is true in all present cells of a row, (rows,)."""


def slopes(xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    """Returns the slope from each point to the next; 0 for the last point.

    The slope between points with the same x is 0.
    """
    points = list(zip(xs, ys, strict=True))
    return [
        *(
            (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
            for (x0, y0), (x1, y1) in pairwise(points)
        ),
        0.0,
    ]
