"""The feature kind `vector`."""

from functools import partial
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from mtl_cli.columns.examples import UNUSUAL_ROW_STEP, Cells
from mtl_cli.columns.fitters import Learnt, MomentsFitter
from mtl_cli.columns.layout import Block
from mtl_cli.columns.numeric import FLOAT32_MAX, Floats
from mtl_cli.columns.vectors import check_vectors, overflows_float32, read_vectors
from mtl_cli.core.learnt_values import check_finite
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Array, Feature, Number
from mtl_cli.graphs.base import GraphOps, InputKind

# An encoded row takes four bytes for each number.
MAX_LENGTH = 100_000


class Vector(Feature):
    """A list of numbers in each row, such as the embedding of a text or a picture.

    Attributes:
        length: the number of numbers in each list.
        separator: text between the numbers of a text column such as `0.5|-1.2`; null
            for a column of lists. With a separator, a column of lists is read too, but
            an exported model reads text.
        transform: `standard` scales the numbers of each position to mean 0 and
            deviation 1 in the training rows; `none` leaves them as they are.
        missing: `error` refuses empty cells and empty lists. `mean` replaces an empty
            cell by the mean vector of the training rows, and a given number by a vector
            of this number.
    """

    length: Annotated[int, Field(ge=1, le=MAX_LENGTH, examples=[64])]
    separator: Annotated[str, Field(min_length=1)] | None = None
    transform: Literal["standard", "none"] = "standard"
    missing: Literal["error", "mean"] | Number = "error"

    numeric = True

    def read(self, name: str, table: pa.Table) -> Floats:
        """Returns the vectors, (rows, length). An empty cell is a row of NaN."""
        accepts_empty = self.missing != "error"
        return read_vectors(
            name, table[name], self.length, self.separator, accepts_empty
        )

    def fitter(self, name: str) -> MomentsFitter:
        return MomentsFitter(partial(self.read, name), self.length)

    def check_learnt(self, learnt: Learnt) -> None:
        super().check_learnt(learnt)
        check_finite(learnt, "mean", self.length)
        check_finite(learnt, "deviation", self.length, lowest=0)

    def encode(self, name: str, values: Floats, learnt: Learnt) -> dict[str, Array]:
        x = np.where(np.isnan(values), self._fill_vector(learnt), values)
        if self.transform == "standard":
            mean, width = mean_and_width(learnt)
            x -= mean
            x /= width
        check_vectors(name, x, overflows_float32(x), "a number that fits float32")
        return {"dense": x}

    def _fill_vector(self, learnt: Learnt) -> list[float]:
        """Returns the vector that replaces an empty cell; NaN if `missing` is error."""
        if self.missing == "mean":
            return list(learnt["mean"])
        number = np.nan if self.missing == "error" else self.missing
        return [float(number)] * self.length

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        numbers = self._read_in_graph(name, ops)
        # A shorter list is filled up with NaN, and a longer list is cut.
        x = ops.match_width(numbers, ops.repeat_row(np.zeros((1, self.length))))
        count = ops.count_true(ops.is_number(numbers))
        ops.require(ops.is_equal(count, ops.count_true(ops.is_number(x))))
        size = ops.cast(count, "float64")
        if self.missing != "error":
            # A list without numbers is accepted too: `is_within` accepts NaN.
            size = ops.where(ops.is_within(size, 1, np.inf), size, np.nan)
            x = ops.fill_nan(x, self._fill_vector(learnt))
        ops.require(ops.is_within(size, self.length, self.length))
        self._require_float32(x, ops)
        if self.transform == "standard":
            mean, width = mean_and_width(learnt)
            x = ops.scale(x, mean.tolist(), width.tolist())
            self._require_float32(x, ops)
        return {"dense": x}

    def _require_float32(self, x: Tensor, ops: GraphOps) -> None:
        is_in_range = ops.is_within(x, -FLOAT32_MAX, FLOAT32_MAX)
        ops.require(ops.all_present_satisfy(ops.is_number(x), is_in_range))

    def _read_in_graph(self, name: str, ops: GraphOps) -> Tensor:
        """Reads the numbers of each row, (rows, longest list)."""
        if self.separator is None:
            return ops.read_column(name, "numbers")
        texts, num_parts = ops.split(ops.read_column(name, "text"), self.separator)
        numbers = ops.parse_lists(texts)
        # An empty part, as in `1|2|`, is no number.
        ops.require(ops.is_equal(ops.count_true(ops.is_number(numbers)), num_parts))
        return numbers

    def input_kinds(self, name: str) -> dict[str, InputKind]:
        return {name: "numbers" if self.separator is None else "text"}

    def examples(
        self, name: str, learnt: Learnt, random: np.random.Generator, num_rows: int
    ) -> dict[str, Cells]:
        deviations = random.normal(size=(num_rows, self.length))
        x = np.array(learnt["mean"]) + deviations * learnt["deviation"]
        cells: Cells = x.tolist()
        if self.separator is not None:
            cells = [self.separator.join(map(repr, vector)) for vector in cells]
        if self.missing != "error":
            cells[::UNUSUAL_ROW_STEP] = [None] * len(cells[::UNUSUAL_ROW_STEP])
        return {name: cells}

    def numbers_text(self, learnt: Learnt) -> str:
        text = "x, the numbers of the list"
        if self.transform == "standard":
            formula = "(x - mean) / deviation, or x - mean where deviation is 0"
            text = f"{formula}, of {text}"
        if self.missing != "error":
            text += f"; x = {self.missing} if the cell is empty"
        return text

    def block(self, name: str, learnt: Learnt) -> Block:
        return Block("dense", self.length)

    def summary(self, encoded: Array) -> Array:
        """Returns a weighted sum of each row's numbers.

        The weights rise from 1 to 2, so that different vectors have different sums,
        even if they hold the same numbers in another order.
        """
        return np.asarray((encoded * np.linspace(1, 2, self.length)).sum(axis=1))


def mean_and_width(learnt: Learnt) -> tuple[Floats, Floats]:
    """Returns `mean` and `width` of (x - mean) / width, the transform `standard`."""
    width = np.array(learnt["deviation"], "float64")
    width[width == 0] = 1  # in all training rows, this number is the same
    return np.array(learnt["mean"], "float64"), width
