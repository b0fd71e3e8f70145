"""The operations of features in ONNX."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from onnx import (
    GraphProto,
    NodeProto,
    OperatorSetIdProto,
    TensorProto,
    helper,
    numpy_helper,
)

from mtl_cli.graphs.base import GraphError, InputKind, Ops, slopes

OPSET = 20  # the first with operations that split and join text
ML_DOMAIN = "ai.onnx.ml"
ML_OPSET = 3
# The type and the shape of the tensors that hold a kind of input.
INPUT_TYPES: dict[InputKind, tuple[int, list[str]]] = {
    "text": (TensorProto.STRING, ["rows"]),
    "number": (TensorProto.DOUBLE, ["rows"]),
    "texts": (TensorProto.STRING, ["rows", "longest {}"]),
    "numbers": (TensorProto.DOUBLE, ["rows", "longest {}"]),
}
# The names of the network's input types in ONNX.
DTYPES = {"int32": TensorProto.INT32, "float32": TensorProto.FLOAT}


class OnnxOps(Ops):
    """The operations of features as nodes of an ONNX graph.

    A value is the name of a tensor. A column's tensor has the name of the column.

    Args:
        kinds: {column: what the graph's input holds}.
    """

    format_name = "ONNX"

    def __init__(self, kinds: Mapping[str, InputKind]) -> None:
        super().__init__(kinds)
        self.nodes: list[NodeProto] = []
        self.constants: dict[tuple[str, str], str] = {}
        self.initializers: list[TensorProto] = []

    def is_accepted(self) -> str:
        """Returns whether each row is accepted, (rows,)."""
        accepted = self.add("Expand", self.constant([True]), self.rows())
        return reduce(lambda a, b: self.add("And", a, b), self.conditions, accepted)

    def finish(self, outputs: dict[str, str]) -> GraphProto:
        """Returns the graph from raw columns to some tensors.

        Args:
            outputs: {name of an output: name of its tensor}.
        """
        for name, value in outputs.items():
            self.nodes.append(helper.make_node("Identity", [value], [name]))
        return helper.make_graph(
            self.nodes,
            "encoding",
            [
                helper.make_tensor_value_info(
                    column,
                    INPUT_TYPES[kind][0],
                    [dim.format(column) for dim in INPUT_TYPES[kind][1]],
                )
                for column, kind in self.kinds.items()
            ],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            self.initializers,
        )

    def rows(self) -> str:
        """Returns the number of rows, (1,)."""
        shape = self.add("Shape", next(iter(self.kinds)))
        return self.add("Gather", shape, self.constant([0]))

    def add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node with one output, and returns the output's name."""
        (output,) = self.add_all(operation, 1, *inputs, **attributes)
        return output

    def add_all(
        self, operation: str, num_outputs: int, *inputs: str, **attributes: Any
    ) -> list[str]:
        """Adds a node, and returns the names of its outputs."""
        start = f"encoding/{len(self.nodes)}"
        outputs = [f"{start}/{i}" for i in range(num_outputs)]
        node = helper.make_node(operation, list(inputs), outputs, **attributes)
        self.nodes.append(node)
        return outputs

    def constant(self, value: Any, dtype: str | None = None) -> str:
        """Returns the name of a constant; text if `value` is text."""
        array = np.array(value, object if isinstance(value, str) else dtype)
        key = (repr(value), str(array.dtype))
        if key not in self.constants:
            self.constants[key] = f"encoding/constant/{len(self.constants)}"
            tensor = numpy_helper.from_array(array, self.constants[key])
            self.initializers.append(tensor)
        return self.constants[key]

    def double(self, value: float | Sequence[float]) -> str:
        """Returns the name of a float64 constant."""
        return self.constant(value, "float64")

    def cast(self, x: str, dtype: int) -> str:
        """Returns a tensor as another type."""
        return self.add("Cast", x, to=dtype)

    def sum_of_row(self, x: str) -> str:
        """Returns the sum of each row, (rows, 1)."""
        return self.add("ReduceSum", x, self.constant([1]))

    def cut(self, x: str, width: str) -> str:
        """Returns the first columns of a matrix; `width` is a tensor (1,)."""
        first, columns = self.constant([0]), self.constant([1])
        return self.add("Slice", x, first, width, columns)

    def input(self, name: str) -> str:
        return name

    def vocabulary_ids(self, texts: str, vocabulary: Sequence[str]) -> str:
        return self.add(
            "LabelEncoder",
            texts,
            domain=ML_DOMAIN,
            keys_strings=list(vocabulary) or [""],  # there must be a key
            values_int64s=list(range(1, 1 + len(vocabulary))) or [0],
            default_int64=0,
        )

    def hash_ids(self, texts: str, num_buckets: int) -> str:
        raise GraphError(
            "ONNX has no operation that hashes text; train with a vocabulary (kind: "
            "sparse, or a cross without num_buckets), or take --format saved_model"
        )

    def join_columns(self, columns: Sequence[str], separator: str) -> str:
        mark = self.constant(separator)
        return reduce(
            lambda a, b: self.add("StringConcat", self.add("StringConcat", a, mark), b),
            columns,
        )

    def all_present(self, columns: Sequence[str]) -> str:
        present = map(self.is_present, columns)
        return reduce(lambda a, b: self.add("And", a, b), present)

    def where(self, condition: str, x: str, otherwise: float) -> str:
        return self.add(
            "Where", condition, x, self.add("CastLike", self.double(otherwise), x)
        )

    def split(self, texts: str, separator: str) -> tuple[str, str]:
        parts, counts = self.add_all("StringSplit", 2, texts, delimiter=separator)
        return parts, self.where(self.is_present(texts), counts, 0)

    def numbers_in(self, texts: str) -> str:
        is_present = self.is_present(texts)
        texts = self.add("Where", is_present, texts, self.constant("nan"))
        return self.cast(texts, TensorProto.DOUBLE)

    def num_reached(self, x: str, cuts: Sequence[float]) -> str:
        """Returns the number of cuts that each number reaches, (rows,)."""
        reached = self.add("GreaterOrEqual", self.as_column(x), self.double(cuts))
        counts = self.sum_of_row(self.cast(reached, TensorProto.INT64))
        return self.add("Squeeze", counts, self.constant([1]))

    def bucket_ids(self, x: str, cuts: Sequence[float]) -> str:
        ids = self.add("Add", self.num_reached(x, cuts), self.constant(1))
        return self.where(self.is_number(x), ids, 0)

    def filled(self, x: str, value: float) -> str:
        return self.where(self.is_number(x), x, value)

    def scaled(self, x: str, shift: float, width: float) -> str:
        difference = self.add("Sub", x, self.double(shift))
        return self.add("Div", difference, self.double(width))

    def signed_log1p(self, x: str) -> str:
        size = self.add("Add", self.add("Abs", x), self.double(1))
        return self.add("Mul", self.add("Sign", x), self.add("Log", size))

    def interpolated(self, x: str, xs: Sequence[float], ys: Sequence[float]) -> str:
        # Below the first and above the last of xs, the slope is 0.
        start = self.num_reached(x, xs)
        xs, ys = [xs[0], *xs], [ys[0], *ys]
        x0, y0, slope = (
            self.add("Gather", self.double(values), start)
            for values in (xs, ys, slopes(xs, ys))
        )
        return self.add("Add", self.add("Mul", slope, self.add("Sub", x, x0)), y0)

    def ramps(self, x: str, starts: Sequence[float], widths: Sequence[float]) -> str:
        difference = self.add("Sub", self.as_column(x), self.double(starts))
        shares = self.add("Div", difference, self.double(widths))
        return self.add("Clip", shares, self.double(0), self.double(1))

    def as_column(self, x: str) -> str:
        return self.add("Unsqueeze", x, self.constant([1]))

    def ones_like(self, texts: str) -> str:
        return self.cast(self.add("Equal", texts, texts), TensorProto.DOUBLE)

    def is_present(self, texts: str) -> str:
        return self.add("Not", self.add("Equal", texts, self.constant("")))

    def aligned(self, numbers: str, like: str) -> str:
        shape = self.add("Shape", like)
        padding = self.add("Expand", self.double(np.nan), shape)
        padded = self.add("Concat", numbers, padding, axis=1)
        return self.cut(padded, self.add("Gather", shape, self.constant([1])))

    def last_values(
        self, is_present: str, lists: Sequence[str], max_length: int
    ) -> list[str]:
        counts = self.cast(is_present, TensorProto.INT64)
        total = self.sum_of_row(counts)
        too_many = self.add("Sub", total, self.constant(max_length))
        skipped = self.add("Max", too_many, self.constant(0))
        reached = self.add("CumSum", counts, self.constant(1))
        position = self.add("Sub", reached, self.add("Add", skipped, self.constant(1)))
        is_late = self.add("GreaterOrEqual", position, self.constant(0))
        is_kept = self.add("And", is_present, is_late)
        # All other values go to one more column. The last line cuts this column off.
        position = self.where(is_kept, position, max_length)
        shape = self.add("Concat", self.rows(), self.constant([max_length + 1]), axis=0)
        packed = []
        for values in lists:
            zero = self.add("CastLike", self.double(0), values)
            zeros = self.add("Expand", zero, shape)
            rows = self.add("ScatterElements", zeros, position, values, axis=1)
            packed.append(self.cut(rows, self.constant([max_length])))
        return packed

    def shares(self, weights: str) -> str:
        total = self.sum_of_row(weights)
        is_above = self.add("Greater", total, self.constant(0, "float32"))
        return self.add("Div", weights, self.where(is_above, total, 1))

    def as_float32(self, x: str) -> str:
        return self.cast(x, TensorProto.FLOAT)

    def concatenated(self, columns: Sequence[str], dtype: str) -> str:
        typed = [self.cast(x, DTYPES[dtype]) for x in columns]
        return self.add("Concat", *typed, axis=1)

    def is_number(self, x: str) -> str:
        return self.add("Not", self.add("IsNaN", x))

    def is_within(self, x: str, low: float, high: float) -> str:
        is_below = self.add("Less", x, self.double(low))
        is_above = self.add("Greater", x, self.double(high))
        return self.add("Not", self.add("Or", is_below, is_above))

    def equal(self, x: str, y: str) -> str:
        return self.add("Equal", x, y)

    def all_fit(self, is_present: str, fits: str) -> str:
        is_wrong = self.add("And", is_present, self.add("Not", fits))
        num_wrong = self.sum_of_row(self.cast(is_wrong, TensorProto.INT64))
        num_wrong = self.add("Squeeze", num_wrong, self.constant([1]))
        return self.add("Equal", num_wrong, self.constant(0))


def operator_sets() -> list[OperatorSetIdProto]:
    """Returns the versions of the operations of exported graphs."""
    return [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
