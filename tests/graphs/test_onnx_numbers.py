"""An ONNX graph reads a number from text as Python does, beyond float64 too."""

import numpy as np
import onnxruntime
import pytest
from onnx import helper

from mtl_cli.graphs.onnx import OPERATOR_SETS, OnnxOps

NUMBERS = {
    "usual": ["12.5", "1e2", "-7", "+1.5e+10", " 20.\t", ".5", "1e100", "2e-45", "0"],
    "infinite": ["1e400", "-1e400", "+2.5E+0309", "9e1000"],
    "huge": ["-1e305", "1e299", "1000000000000e299", "-" + "9" * 150 + "e199"],
    "many digits": ["1" * 400, "-" + "7" * 250 + "e50", "1" * 105 + "e99"],
    "tiny": ["1e-400", "-5e-324", "0.000000000000000001e-295", "." + "0" * 400 + "1"],
    "zero": ["0e305", "-0.0e-999", "00e400"],
}


@pytest.mark.parametrize("texts", NUMBERS.values(), ids=NUMBERS)
def test_text_is_read_as_the_same_float32_as_by_python(texts: list[str]) -> None:
    operations = OnnxOps({"column": "text"})
    graph = operations.finish({"number": operations.parse_numbers("column")})
    model = helper.make_model(graph, opset_imports=OPERATOR_SETS, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (numbers,) = session.run(None, {"column": np.array(texts, object)})
    with np.errstate(over="ignore"):
        expected = np.array([float(text) for text in texts]).astype(np.float32)
        np.testing.assert_array_equal(numbers.astype(np.float32), expected)
