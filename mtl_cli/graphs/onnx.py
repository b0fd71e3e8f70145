"""The operations of `GraphOps` in ONNX."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from mtl_cli.graphs.base import WORD, GraphError, GraphOps, InputKind, segments

# ONNX has two sets of operations, each with a version: the default set and a set for
# classical machine learning. Version 20 is the first that splits and joins texts.
OPSET = 20
ML_DOMAIN = "ai.onnx.ml"
OPERATOR_SETS = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, 3)]
# ONNX Runtime fails at a number that float64 cannot hold, such as 1e400. So numbers
# with more than 99 digits before or behind the point, or with an exponent above 199,
# count as wrong cells.
DIGITS = r"([0-9]{1,99}(\.[0-9]{0,99})?|\.[0-9]{1,99})"
DECIMAL = rf"[+-]?{DIGITS}([eE][+-]?0*1?[0-9]{{1,2}})?"


class OnnxOps(GraphOps):
    """Operations as nodes of an ONNX graph that reads raw columns.

    Nodes refer to tensors by name. Therefore a "tensor" in this class is the name of a
    tensor. The tensor of a raw column has the name of the column. `GraphOps` describes
    the methods that have no docstring here.
    """

    numeral = rf"[ \t]*({DECIMAL}|{WORD})[ \t]*"

    def __init__(self, input_kinds: Mapping[str, InputKind]) -> None:
        super().__init__(input_kinds)
        self.nodes: list[onnx.NodeProto] = []
        # {(value as text, dtype): constant}. Equal constants are stored once.
        self.constants: dict[tuple[str, str], TensorProto] = {}

    def finish(self, outputs: dict[str, str]) -> onnx.GraphProto:
        """Returns the graph that computes `outputs`, {name of an output: tensor}."""
        for name, tensor in outputs.items():
            self.nodes.append(helper.make_node("Identity", [tensor], [name]))
        output_infos = [helper.make_empty_tensor_value_info(name) for name in outputs]
        input_infos = []
        for column, kind in self.input_kinds.items():
            is_text = kind in ("text", "texts")
            is_list = kind in ("texts", "numbers")
            dtype = TensorProto.STRING if is_text else TensorProto.DOUBLE
            shape = ["rows", f"longest {column}"] if is_list else ["rows"]
            input_infos.append(helper.make_tensor_value_info(column, dtype, shape))
        constants = list(self.constants.values())
        return helper.make_graph(
            self.nodes, "encoding", input_infos, output_infos, constants
        )

    def num_rows(self) -> str:
        any_column, *_ = self.input_kinds
        return self.add("Gather", self.add("Shape", any_column), self.constant([0]))

    def add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node with one output, and returns the name of the output."""
        (output,) = self.add_all(operation, 1, *inputs, **attributes)
        return output

    def add_all(
        self, operation: str, num_outputs: int, *inputs: str, **attributes: Any
    ) -> list[str]:
        prefix = f"encoding/{len(self.nodes)}"
        outputs = [f"{prefix}/{i}" for i in range(num_outputs)]
        node = helper.make_node(operation, list(inputs), outputs, **attributes)
        self.nodes.append(node)
        return outputs

    def constant(self, value: Any, dtype: str | None = None) -> str:
        """Returns the name of a constant; without `dtype`, NumPy chooses the dtype."""
        array = np.array(value, object if isinstance(value, str) else dtype)
        key = (repr(value), str(array.dtype))
        if key not in self.constants:
            name = f"encoding/constant/{len(self.constants)}"
            self.constants[key] = numpy_helper.from_array(array, name)
        return str(self.constants[key].name)

    def double(self, value: float | Sequence[float]) -> str:
        return self.constant(value, "float64")

    def sum_of_row(self, matrix: str) -> str:
        return self.add("ReduceSum", matrix, self.constant([1]))

    def count_true(self, conditions: str) -> str:
        counts = self.sum_of_row(self.cast(conditions, "int64"))
        return self.add("Squeeze", counts, self.constant([1]))

    def first_columns(self, matrix: str, width: str) -> str:
        return self.add("Slice", matrix, self.constant([0]), width, self.constant([1]))

    def input_tensor(self, column: str) -> str:
        return column

    def repeat_row(self, row: npt.NDArray[Any]) -> str:
        length = self.constant([1] * (row.ndim - 1), "int64")
        repeats = self.add("Concat", self.num_rows(), length, axis=0)
        return self.add("Tile", self.constant(row.tolist(), str(row.dtype)), repeats)

    def vocabulary_ids(self, texts: str, vocabulary: Sequence[str]) -> str:
        return self.add(
            "LabelEncoder",
            texts,
            domain=ML_DOMAIN,
            # `LabelEncoder` needs at least one key. If the vocabulary is empty, the key
            # is "", with the id 0 of all other texts.
            keys_strings=list(vocabulary) or [""],
            values_int64s=list(range(1, 1 + len(vocabulary))) or [0],
            default_int64=0,
        )

    def hash_ids(self, texts: str, num_buckets: int) -> str:
        raise GraphError(
            "ONNX has no operation that hashes text; train with a vocabulary (kind: "
            "sparse, or a cross without num_buckets), or take --format saved_model"
        )

    def join_columns(self, columns: Sequence[str], separator: str) -> str:
        texts, *others = columns
        for column in others:
            texts = self.add("StringConcat", texts, self.constant(separator))
            texts = self.add("StringConcat", texts, column)
        return texts

    def all_true(self, conditions: Sequence[str]) -> str:
        return reduce(lambda a, b: self.add("And", a, b), conditions)

    def where(
        self, condition: str, values: str, otherwise: float | Sequence[float]
    ) -> str:
        typed = self.add("CastLike", self.double(otherwise), values)
        return self.add("Where", condition, values, typed)

    def split(self, texts: str, separator: str) -> tuple[str, str]:
        parts, counts = self.add_all("StringSplit", 2, texts, delimiter=separator)
        return parts, self.where(self.is_present(texts), counts, 0)

    def split_item(self, texts: str, separator: str, index: int) -> str:
        parts, _ = self.split(texts, separator)
        empty = self.repeat_row(np.array([[""] * (index + 1)], object))
        parts = self.add("Concat", parts, empty, axis=1)
        return self.add("Gather", parts, self.constant(index), axis=1)

    def matches(self, texts: str, pattern: str) -> str:
        return self.add("RegexFullMatch", texts, pattern=pattern)

    def parse_numbers(self, texts: str) -> str:
        # The whole call would fail if ONNX Runtime got a text that is no number.
        is_numeral = self.matches(texts, self.numeral)
        texts = self.add("Where", is_numeral, texts, self.constant("nan"))
        for word, number in (("true", "1"), ("false", "0")):
            is_word = self.matches(texts, rf"\s*{word}\s*")
            texts = self.add("Where", is_word, self.constant(number), texts)
        return self.cast(texts, "float64")

    def count_cuts(self, numbers: str, cuts: Sequence[float]) -> str:
        """Counts, as int64, how many of the ascending cuts are at most each number."""
        matrix = self.to_matrix(numbers)
        return self.count_true(self.add("GreaterOrEqual", matrix, self.double(cuts)))

    def bucket_ids(self, numbers: str, cuts: Sequence[float]) -> str:
        ids = self.add("Add", self.count_cuts(numbers, cuts), self.constant(1))
        return self.where(self.is_number(numbers), ids, 0)

    def scale(
        self, x: str, shift: float | Sequence[float], width: float | Sequence[float]
    ) -> str:
        difference = self.add("Sub", x, self.double(shift))
        return self.add("Div", difference, self.double(width))

    def floor_divide(self, numbers: str, divisor: int) -> str:
        return self.add("Floor", self.add("Div", numbers, self.double(divisor)))

    def weighted_sum(self, terms: Sequence[tuple[str, float]], shift: float = 0) -> str:
        products = [self.add("Mul", x, self.double(weight)) for x, weight in terms]
        return self.add("Sum", *products, self.double(shift))

    def signed_log1p(self, x: str) -> str:
        one_plus_size = self.add("Add", self.add("Abs", x), self.double(1))
        return self.add("Mul", self.add("Sign", x), self.add("Log", one_plus_size))

    def interpolate(self, x: str, xs: Sequence[float], ys: Sequence[float]) -> str:
        segment = self.count_cuts(x, xs)
        x0, y0, slope = (
            self.add("Gather", self.double(values), segment)
            for values in segments(xs, ys)
        )
        return self.add("Add", self.add("Mul", slope, self.add("Sub", x, x0)), y0)

    def ramps(self, x: str, starts: Sequence[float], widths: Sequence[float]) -> str:
        difference = self.add("Sub", self.to_matrix(x), self.double(starts))
        fractions = self.add("Div", difference, self.double(widths))
        return self.add("Clip", fractions, self.double(0), self.double(1))

    def to_matrix(self, values: str) -> str:
        return self.add("Unsqueeze", values, self.constant([1]))

    def is_present(self, texts: str) -> str:
        return self.add("Not", self.add("Equal", texts, self.constant("")))

    def match_width(self, numbers: str, texts: str) -> str:
        shape = self.add("Shape", texts)
        padding = self.add("Expand", self.double(np.nan), shape)
        padded = self.add("Concat", numbers, padding, axis=1)
        width = self.add("Gather", shape, self.constant([1]))
        return self.first_columns(padded, width)

    def last_values(
        self, is_present: str, lists: Sequence[str], max_length: int
    ) -> list[str]:
        new_column = self.columns_in_result(is_present, max_length)
        is_in_result = self.add("GreaterOrEqual", new_column, self.constant(0))
        is_kept = self.add("And", is_present, is_in_result)
        # All absent and dropped cells go to one extra column. The column is cut off
        # below.
        new_column = self.where(is_kept, new_column, max_length)
        width = self.constant([max_length + 1])
        shape = self.add("Concat", self.num_rows(), width, axis=0)
        results = []
        for values in lists:
            zero = self.add("CastLike", self.double(0), values)
            zeros = self.add("Expand", zero, shape)
            scattered = self.add("ScatterElements", zeros, new_column, values, axis=1)
            results.append(self.first_columns(scattered, self.constant([max_length])))
        return results

    def columns_in_result(self, is_present: str, max_length: int) -> str:
        """Returns the column of each present cell in the result of `last_values`.

        The column of a present cell that is dropped is negative.
        """
        one = self.constant(1)
        one_if_present = self.cast(is_present, "int64")
        num_present = self.sum_of_row(one_if_present)
        excess = self.add("Sub", num_present, self.constant(max_length))
        offset = self.add("Add", self.add("Max", excess, self.constant(0)), one)
        num_present_so_far = self.add("CumSum", one_if_present, one)  # along axis 1
        return self.add("Sub", num_present_so_far, offset)

    def cast(self, values: str, dtype: str) -> str:
        onnx_dtype = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", values, to=onnx_dtype)

    def concatenate(self, matrices: Sequence[str], dtype: str) -> str:
        typed = [self.cast(matrix, dtype) for matrix in matrices]
        return self.add("Concat", *typed, axis=1)

    def is_number(self, numbers: str) -> str:
        return self.add("Not", self.add("IsNaN", numbers))

    def is_within(self, numbers: str, low: float, high: float) -> str:
        # NaN is neither below nor above a number, so the result for NaN is true.
        is_below = self.add("Less", numbers, self.double(low))
        is_above = self.add("Greater", numbers, self.double(high))
        return self.add("Not", self.add("Or", is_below, is_above))

    def is_equal(self, counts: str, other_counts: str) -> str:
        return self.add("Equal", counts, other_counts)

    def all_present_satisfy(self, is_present: str, condition: str) -> str:
        # ONNX has no reduction by "and", so the wrong cells are counted.
        is_wrong = self.add("And", is_present, self.add("Not", condition))
        return self.add("Equal", self.count_true(is_wrong), self.constant(0))
