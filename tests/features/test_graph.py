"""`graph` of every kind of feature gives, row by row, what `encode` gives."""

from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import tensorflow as tf
from helpers.every_kind import FEATURES, WITHOUT_HASHES, as_inputs, hard_rows, rows
from helpers.planted_data import declared, fitted_features
from onnx import helper

from mtl_cli.columns.raw_inputs import graph_input
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.option_classes import option_names
from mtl_cli.data.feature_graph import feature_graph
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.base import Feature
from mtl_cli.features.dense import Dense
from mtl_cli.features.sparse import Sparse
from mtl_cli.graphs.onnx import OPERATOR_SETS, OnnxOps
from mtl_cli.graphs.tensorflow import TensorFlowOps

# The inputs of the network, and whether each row is accepted.
Encoded = tuple[dict[str, Any], Any]

NUMERIC: dict[str, Any] = {
    **{
        f"dense {transform}": {"kind": "dense", "transform": transform, "missing": 0.5}
        for transform in ("standard", "minmax", "log1p", "quantile", "none")
    },
    "edges": {"kind": "bucketized", "edges": [-1.0, 0.0, 2.5], "missing": "bucket"},
    "ramps": {"kind": "bucketized", "num_buckets": 4, "ramps": True}
    | {"missing": "bucket"},
    "pieces": {"kind": "piecewise_linear", "num_buckets": 4, "missing": "median"},
}
COLUMNS = {
    "ties": [0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 3.0],
    "constant": [4.0] * 8,
    "wide": [-1e30, -5.0, 0.0, 0.1, 0.2, 7.0, 1e5, 1e30],
    "empty": [None] * 8,
}
NUMBERS = [None, -0.0, 0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 4.000001, -1e37, 1e37, 1e-300]


def features_of(declarations: dict[str, Any], table: pa.Table) -> FeatureSet:
    dataset = declared("x", declarations, {"y": {"label": "y", "kind": "binary"}})
    return fitted_features(dataset.features, table)


def raw_inputs(features: FeatureSet, table: pa.Table) -> dict[str, Any]:
    return {c: graph_input(c, table[c], k) for c, k in features.input_kinds.items()}


def in_tensorflow(features: FeatureSet, table: pa.Table) -> Encoded:
    kinds, tables = features.input_kinds, {}

    @tf.function(autograph=False)
    def encode(columns: Any) -> Any:
        ops = TensorFlowOps(columns, kinds, tables)
        return feature_graph(features, ops), ops.is_accepted()

    columns = raw_inputs(features, table)
    inputs, accepted = encode({name: tf.constant(x) for name, x in columns.items()})
    return {name: x.numpy() for name, x in inputs.items()}, accepted.numpy()


def in_onnx(features: FeatureSet, table: pa.Table) -> Encoded:
    ops = OnnxOps(features.input_kinds)
    inputs = feature_graph(features, ops)
    named = {f"input {name}": x for name, x in inputs.items()}
    graph = ops.finish(named | {"accepted": ops.is_accepted()})
    model = helper.make_model(graph, opset_imports=OPERATOR_SETS, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    *values, accepted = session.run(None, raw_inputs(features, table))
    return dict(zip(inputs, values, strict=True)), accepted


ENCODE = {"tensorflow": in_tensorflow, "onnx": in_onnx}


def test_every_kind_of_feature_is_tested_here() -> None:
    kinds = {keys["kind"] for keys in FEATURES.values()}
    assert kinds == set(option_names("features"))


CASES = [("tensorflow", name) for name in FEATURES]
CASES += [("onnx", name) for name in WITHOUT_HASHES]


@pytest.mark.parametrize(("format_name", "name"), CASES)
def test_graph_equals_encode_on_unseen_missing_long_and_odd_values(
    format_name: str, name: str
) -> None:
    owner = FEATURES[name].get("table", name)
    declarations = {key: FEATURES[key] for key in dict.fromkeys((owner, name))}
    features = features_of(declarations, rows(300, 0))
    table = hard_rows(500, 1)
    encoded = features.encode(table)
    inputs, accepted = ENCODE[format_name](features, table)
    assert accepted.all()
    assert list(inputs) == list(encoded)
    for input_name, x in encoded.items():
        np.testing.assert_allclose(inputs[input_name], x, rtol=2e-7, atol=1e-12)


@pytest.mark.parametrize("format_name", ENCODE)
def test_graph_with_constants_equals_encode_and_does_not_read_their_columns(
    format_name: str,
) -> None:
    features = features_of(WITHOUT_HASHES, rows(300, 0))
    table = hard_rows(40, 1)
    half = {"user", "price", "log", "age in years", "tags", "tag_weights", "users"}
    columns = set(features.column_kinds)
    row = 6  # no list of this row is null
    for names in (sorted(half), sorted(columns - half)):
        constants = table.select(names).slice(row, 1)
        fixed = FeatureSet(features.by_name, features.learnt, constants)
        assert set(fixed.input_kinds) == columns - set(names)
        replaced = table.drop_columns(names)
        for name in names:
            replaced = replaced.append_column(name, [table[name].take([row] * 40)])
        inputs, accepted = ENCODE[format_name](fixed, table.drop_columns(names))
        assert accepted.all()
        for input_name, x in features.encode(replaced).items():
            np.testing.assert_allclose(inputs[input_name], x, rtol=2e-7, atol=1e-12)


@pytest.mark.parametrize("format_name", ENCODE)
@pytest.mark.parametrize("values", COLUMNS)
@pytest.mark.parametrize("kind", NUMERIC)
def test_graph_of_numbers_equals_encode_at_ties_ends_and_extremes(
    kind: str, values: str, format_name: str
) -> None:
    train = pa.table({"x": pa.array(COLUMNS[values], pa.float64())})
    features = features_of({"x": NUMERIC[kind]}, train)
    table = pa.table({"x": pa.array(NUMBERS + COLUMNS[values], pa.float64())})
    encoded = features.encode(table)
    inputs, accepted = ENCODE[format_name](features, table)
    assert accepted.all()
    assert list(inputs) == list(encoded)
    for input_name, x in encoded.items():
        np.testing.assert_allclose(inputs[input_name], x, rtol=2e-7, atol=0)


def test_conversion_of_raw_rows_equals_a_plain_loop() -> None:
    table = hard_rows(300, 2)
    features = features_of(FEATURES, rows(300, 0))
    expected = as_inputs(table)
    for column, kind in features.input_kinds.items():
        x = graph_input(column, table[column], kind)
        if kind in ("text", "texts"):
            assert x.tolist() == expected[column]
        else:
            np.testing.assert_array_equal(x, np.array(expected[column], "float64"))


class Lower(Sparse):
    """A kind whose cells are not those that the graph of `Sparse` encodes."""

    def read(self, name: str, table: pa.Table) -> Any:
        return super().read(name, pa.table({name: pc.utf8_lower(table[name])}))


class LowerWithGraph(Lower):
    graph = Sparse.graph


class LowerByParent(Lower):
    """Overrides nothing itself."""


class Named(Sparse):
    def value_names(self, values: Any, learnt: Any) -> list[str]:
        return ["a name"] * len(values)


class Squared(Dense):
    def encode(self, name: str, values: Any, learnt: Any) -> Any:
        return super().encode(name, values**2, learnt)


class Median(Dense):
    """Learns another mean, which the graph uses as well."""

    def _fit(self, x: Any) -> dict[str, Any]:
        return super()._fit(x) | {"mean": float(np.median(x))}


@pytest.mark.parametrize(
    ("kind", "is_other"),
    [
        (Lower, True),
        (LowerByParent, True),
        (Squared, True),
        (LowerWithGraph, False),
        (Named, False),
        (Median, False),
        (Sparse, False),
    ],
)
def test_inherited_graph_fits_unless_the_encoding_is_overridden(
    kind: type[Feature], is_other: bool
) -> None:
    assert kind.model_construct().encodes_otherwise("graph") == is_other


def test_graph_of_another_encoding_is_refused_by_name() -> None:
    features = FeatureSet({"town": Lower(kind="lower")}, {"town": {"vocabulary": []}})
    message = (
        r"features\.town: kind lower has its own `read` or `encode`, but no `graph`"
    )
    with pytest.raises(ConfigError, match=message):
        feature_graph(features, OnnxOps(features.input_kinds))


NOT_FINITE = [float("inf"), float("-inf")]
REFUSED: dict[str, tuple[dict[str, Any], dict[str, list[Any]]]] = {
    "missing number": ({"x": {"kind": "dense"}}, {"x": [1.0, None, 2.0]}),
    "missing bucket": (
        {"x": {"kind": "bucketized", "edges": [1.0]}},
        {"x": [1.0, None, 2.0]},
    ),
    "infinite number": (
        {"x": {"kind": "bucketized", "edges": [1.0], "missing": "bucket"}},
        {"x": [1.0, float("inf"), 2.0]},
    ),
    "above float32": (
        {"x": {"kind": "dense", "transform": "none"}},
        {"x": [1.0, -1e39, 2.0]},
    ),
    "above float32 after scaling": (
        {"x": {"kind": "dense"}},
        {"x": [1.0, 1e38, 1.0 + 1e-9]},
    ),
    "negative weight": (
        {"x": {"kind": "sequence", "max_length": 2, "weights": "w"}},
        {"x": [["a"], ["b", "c"], ["a"]], "w": [[1.0], [1.0, -1.0], [0.0]]},
    ),
    "missing weight": (
        {"x": {"kind": "sequence", "max_length": 2, "weights": "w"}},
        {"x": [["a"], ["b", "c"], ["a"]], "w": [[1.0], [1.0, None], [0.0]]},
    ),
    "fewer weights": (
        {"x": {"kind": "sequence", "max_length": 2, "separator": ";", "weights": "w"}},
        {"x": ["a;b", "b;c", None], "w": ["1;2", "1", None]},
    ),
    "more weights": (
        {"x": {"kind": "sequence", "max_length": 2, "separator": ";", "weights": "w"}},
        {"x": ["a", "b;", None], "w": ["1", "1;2;3", None]},
    ),
    "vector with an empty part": (
        {"x": {"kind": "vector", "length": 2, "separator": "|", "missing": 0}},
        {"x": ["1|2", "1|2|", None]},
    ),
    "vector of empty parts": (
        {"x": {"kind": "vector", "length": 2, "separator": "|", "missing": 0}},
        {"x": ["1|2", "|", None]},
    ),
}
WRONG_TIMES: dict[str, list[Any]] = {
    "iso": ["2026-01-31 14:05", "2026-02-29 14:05", None],
    "s": [0, 1_767_225_600_000, None],
    "ms": [-(2.0**45), float("inf"), None],
    "yyyymmddhhmmss": [20260131000000, 20260431000000, None],
    "yyyymmddhhmm": [202601312359, 202613010000, None],
    "yyyymmdd": [20240229, 20260229, None],
    "yyyymmddhh": [2026013123, 2026013124, None],
    "yymmddhh": [26013100, 26010000, None],
}
for time_format, times in WRONG_TIMES.items():
    part = "weekday" if time_format == "yyyymmdd" else "hour"
    keys = {"kind": "calendar", "part": part, "format": time_format}
    REFUSED[f"time of format {time_format}"] = ({"x": keys}, {"x": times})


@pytest.mark.parametrize("format_name", ENCODE)
@pytest.mark.parametrize("name", REFUSED)
def test_graph_refuses_only_the_row_that_encode_refuses(
    name: str, format_name: str
) -> None:
    declarations, columns = REFUSED[name]
    table = pa.table(columns)
    accepted_rows = table.take([0, 2])
    features = features_of(declarations, accepted_rows)
    features.encode(accepted_rows)
    with pytest.raises(Exception, match="row 2"):
        features.encode(table)
    _, accepted = ENCODE[format_name](features, table)
    assert accepted.tolist() == [True, False, True]
