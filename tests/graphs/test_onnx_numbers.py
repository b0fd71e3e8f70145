"""An ONNX graph reads a number from text as Python does."""

import numpy as np
import onnxruntime
from onnx import helper

from mtl_cli.graphs.onnx import OPERATOR_SETS, OnnxOps

NUMBERS = ["12.5", "1e2", "-7", "+1.5e+10", " 20.\t", ".5", "1e100", "2e-45", "0e0199"]
NUMBERS += ["-" + "9" * 99 + "e199", "." + "0" * 98 + "1e-199", "true", "false"]
# Numbers that float64 may not hold, at which ONNX Runtime would fail.
WRONG = [
    "1e400",
    "9e1000",
    "-5e-324",
    "9" * 150 + "e199",
    "." + "0" * 400 + "1",
    "noon",
]


def test_text_is_read_as_by_python_and_is_wrong_if_float64_may_not_hold_it() -> None:
    operations = OnnxOps({"column": "text"})
    outputs = {
        "number": operations.parse_numbers("column"),
        "is_valid": operations.is_numeral_or_empty("column"),
    }
    graph = operations.finish(outputs)
    model = helper.make_model(graph, opset_imports=OPERATOR_SETS, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    texts = np.array(NUMBERS + WRONG, object)
    numbers, is_valid = session.run(None, {"column": texts})
    expected = [float({"true": "1", "false": "0"}.get(x, x)) for x in NUMBERS]
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(
            numbers[: len(NUMBERS)].astype("float32"), np.array(expected, "float32")
        )
    assert is_valid.tolist() == [True] * len(NUMBERS) + [False] * len(WRONG)
