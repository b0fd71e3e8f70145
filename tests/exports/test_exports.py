"""Exported models take raw rows, and give the numbers of `mtl-predict`."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow as tf
import tf2onnx
from helpers import every_kind, networks
from helpers.crafted_files import forget_hashes
from helpers.every_kind import (
    FEATURES,
    HASHED,
    TASKS,
    WITHOUT_HASHES,
    as_inputs,
    hard_rows,
    trained,
)
from helpers.planted_data import config, parquet, planted, run_in, values
from helpers.slow import slow_except

import mtl_cli
from mtl_cli.api.model import Model
from mtl_cli.columns.layout import Block, EmbeddingTable, Layout
from mtl_cli.core.errors import ConfigError, DataError, MtlError
from mtl_cli.core.option_classes import option_names
from mtl_cli.exports import _tf2onnx
from mtl_cli.exports import onnx as onnx_format
from mtl_cli.exports import saved_model as saved_model_format
from mtl_cli.exports import weights as weights_format
from mtl_cli.exports._weights_tensors import (
    embedding_tables,
    groups_by_layer,
    named_weights,
    network_slices,
)
from mtl_cli.network.build import build
from mtl_cli.network.network import Network
from mtl_cli.runs import saved_model
from mtl_cli.runs.earlier_export import check_export_target, get_format, record_of
from mtl_cli.runs.export import prediction_errors, replay, verify

pytestmark = [
    pytest.mark.filterwarnings("ignore:.* the training rows lack:UserWarning"),
    pytest.mark.filterwarnings("ignore:.* outside the range:UserWarning"),
]

NUMERIC = ("price", "plain", "log", "rank", "range", "age in years", "pieces")
NUMERIC += ("list_weights", "picture", "at_ms", "packed")
# Scores rows in a process that has TensorFlow and NumPy, and none of our packages.
ALONE = """
import json, sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("mtl_cli", "pyarrow", "pandas", "deepctr"):
            raise ImportError(name)

sys.meta_path.insert(0, Forbidden())
import tensorflow as tf

score = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
inputs = json.load(open(sys.argv[2]))
tensors = {
    column: tf.constant(cells, tf.string if is_text else tf.float64)
    for column, (is_text, cells) in inputs.items()
}
columns = score(**tensors)
json.dump({name: x.numpy().tolist() for name, x in columns.items()}, sys.stdout)
"""
Inputs = dict[str, list[Any]]
Score = Callable[[Inputs], dict[str, Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("run"), WITHOUT_HASHES)


def scorer(run: Path, format_name: str) -> Score:
    """Exports a run, if that is not done, and returns what the format's own users call.

    Args:
        run: the run folder.
        format_name: `saved_model` or `onnx`.
    """
    path = run.parent / ("model.onnx" if format_name == "onnx" else "model")
    if not path.exists():
        mtl_cli.load(run).export(path, format_name)
    return SCORERS[format_name](path)


def saved_model_scorer(path: Path) -> Score:
    model = tf.saved_model.load(str(path))

    def score(inputs: Inputs) -> dict[str, Any]:
        tensors = {
            column: tf.constant(x, tf.float64 if column in NUMERIC else tf.string)
            for column, x in inputs.items()
        }
        columns = model.signatures["serving_default"](**tensors)
        return {name: x.numpy() for name, x in columns.items()}

    return score


def onnx_scorer(path: Path) -> Score:
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]

    def score(inputs: Inputs) -> dict[str, Any]:
        arrays = {
            column: np.array(x, "float64" if column in NUMERIC else object)
            for column, x in inputs.items()
        }
        return dict(zip(names, session.run(names, arrays), strict=True))

    return score


SCORERS = {"saved_model": saved_model_scorer, "onnx": onnx_scorer}
TOLERANCES = {"saved_model": 1e-6, "onnx": 1e-5}


def rows_of(features: dict[str, Any], count: int, seed: int) -> Any:
    """Hard rows, without the columns that no feature reads."""
    table = hard_rows(count, seed)
    return table if "other_word" in features else table.drop_columns(["other_word"])


AMOUNTS = ["amount", "time"]
REGRESSIONS = ["spent", "seconds", "time"]
# float32 holds numbers of this size to a sixteenth. If such numbers cancel, the digits
# that are left depend on the order of additions. In regressions, a difference of 4.1
# times the tolerance was seen on one processor, in the row of 10,000 that neighbors of
# the weights in float32 change most: by 28 times the tolerance.
HUGE_NUMBER = 1e6
CANCELLATION = 4
# The logarithm of `amount` is a sum of terms that may cancel in any row: the mean, and
# half the variance. A difference of 6.3 times the tolerance was seen, in a row that
# neighbors of the weights in float32 change as much.


def assert_same_numbers(
    run: Path, format_name: str, features: dict[str, Any], count: int
) -> None:
    table = rows_of(features, count, seed=3)
    expected = mtl_cli.load(run).predict(table)
    columns = scorer(run, format_name)(as_inputs(table))
    tolerance = TOLERANCES[format_name]
    limits = pd.DataFrame(tolerance, expected.index, expected.columns)
    if format_name == "onnx":
        rounding = rounding_errors(run, table, expected)
        limit_of_huge = rounding.max().clip(tolerance, CANCELLATION * tolerance)
        of_cancelling = rounding.clip(
            CANCELLATION * tolerance, CANCELLATION**2 * tolerance
        )
        is_huge = has_huge_number(table)
        limits.loc[is_huge] = limit_of_huge.to_numpy()
        regressions = expected.columns.intersection(REGRESSIONS)
        limits.loc[is_huge, regressions] = of_cancelling.loc[is_huge, regressions]
        limits["amount"] = of_cancelling["amount"]
    assert (relative_differences(columns, expected) <= limits).all(axis=None)
    assert (expected.nunique() > count / 20).all()


def has_huge_number(table: Any) -> np.ndarray:
    """Whether each row holds a number above `HUGE_NUMBER`."""
    floats = [x.name for x in table.schema if pa.types.is_floating(x.type)]
    numbers = table.select(floats).drop_columns(["at_ms", "packed"]).to_pandas()
    return (numbers.abs() > HUGE_NUMBER).any(axis=1).to_numpy()


def rounding_errors(run: Path, table: Any, expected: pd.DataFrame) -> pd.DataFrame:
    """What roundings alone may change in each prediction.

    TensorFlow and ONNX Runtime add in different orders, which they choose by the
    processor. If large terms cancel, the sum keeps the errors of their roundings, and
    these differ. How large such errors become is measured here: each weight is replaced
    by the next number of float32, above or below. Twice this change is returned, since
    a network rounds its weights and its sums.
    """
    loaded = saved_model.load(run)
    random = np.random.default_rng(0)
    weights = loaded.network.predictions.get_weights()
    largest = pd.DataFrame(0.0, expected.index, expected.columns)
    for _ in range(4):
        limits = [random.choice([-np.inf, np.inf], weight.shape) for weight in weights]
        neighbors = [
            np.nextafter(weight, limit.astype(weight.dtype))
            for weight, limit in zip(weights, limits, strict=True)
        ]
        loaded.network.predictions.set_weights(neighbors)
        columns = dict(Model(loaded).predict(table))
        largest = largest.clip(lower=relative_differences(columns, expected))
    return 2 * largest


def relative_differences(
    columns: dict[str, Any], expected: pd.DataFrame
) -> pd.DataFrame:
    """The difference of each prediction p, divided by max(1, |p|).

    Amounts are exponentials of sums that may cancel, so their logarithms are compared.
    The difference of two NaN is 0: AITM's attention overflows at numbers such as 1e30.
    """
    assert set(columns) == set(expected)
    found = pd.DataFrame(columns, expected.index)[list(expected)]
    with np.errstate(divide="ignore"):  # a tiny amount rounds to 0
        found, expected = (
            frame.assign(**{x: np.log(frame[x]) for x in AMOUNTS if x in frame})
            for frame in (found, expected)
        )
    is_same = (found == expected) | (found.isna() & expected.isna())
    return ((found - expected).abs() / expected.abs().clip(1)).mask(is_same, 0)


def largest_difference(columns: dict[str, Any], expected: pd.DataFrame) -> float:
    """The largest of the relative differences."""
    return float(relative_differences(columns, expected).to_numpy().max())


@pytest.mark.parametrize("format_name", slow_except(["onnx"], SCORERS))
def test_export_equals_the_model_on_hard_rows(format_name: str, run: Path) -> None:
    assert_same_numbers(run, format_name, WITHOUT_HASHES, count=2000)


# CI exports a model with experts, and one that reads the scenario.
EXHAUSTIVE = pytest.mark.exhaustive
MODELS = slow_except(["ple", "star"], option_names("models"), EXHAUSTIVE)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_model_equals_its_exports_on_10_000_hard_rows(
    model: str, tmp_path: Path
) -> None:
    # With `time` too, HOME learns a huge variance of `amount`, whose terms cancel more.
    tasks = {name: task for name, task in TASKS.items() if name != "time"}
    run = trained(tmp_path, WITHOUT_HASHES, model, tasks)
    for format_name in SCORERS:
        assert_same_numbers(run, format_name, WITHOUT_HASHES, count=10_000)


@pytest.mark.slow
def test_saved_model_of_every_kind_of_feature_equals_the_model(tmp_path: Path) -> None:
    run = trained(tmp_path, FEATURES)
    assert_same_numbers(run, "saved_model", FEATURES, count=10_000)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", SCORERS)
def test_rows_are_scored_alike_one_by_one(format_name: str, run: Path) -> None:
    table = rows_of(WITHOUT_HASHES, 7, seed=4)
    expected = mtl_cli.load(run).predict(table)
    score = scorer(run, format_name)
    inputs = as_inputs(table)
    for row in range(7):
        columns = score({name: x[row : row + 1] for name, x in inputs.items()})
        assert (
            largest_difference(columns, expected[row : row + 1])
            <= TOLERANCES[format_name]
        )


WRONG_NUMBERS = ["8,5", "8pm", "1_0", "1e", "0x10", "noon", "12\n", "²", "--1", "."]
RIGHT_NUMBERS = ["20", " 20", "2e1", "+20.", "200E-1", ".2e2", "1e-40", "nan", ""]


@pytest.mark.parametrize("format_name", slow_except(["onnx"], SCORERS))
def test_text_that_is_no_number_makes_its_own_row_nan(
    format_name: str, run: Path
) -> None:
    cells = [*WRONG_NUMBERS, *RIGHT_NUMBERS]
    inputs = as_inputs(rows_of(WITHOUT_HASHES, 1, seed=5))
    inputs = {name: [*x] * (len(cells) + 2) for name, x in inputs.items()}
    inputs["whole"] = [*cells, "20", "20"]
    inputs["tags"], inputs["tag_weights"] = (["a|b"] * (len(cells) + 2) for _ in "ab")
    inputs["tag_weights"] = ["1|2"] * len(cells) + ["1|2,5", "x|1"]
    wrong = len(WRONG_NUMBERS)
    is_nan = [True] * wrong + [False] * len(RIGHT_NUMBERS) + [True] * 2
    for x in scorer(run, format_name)(inputs).values():
        rows = x.reshape(len(x), -1)
        assert np.isnan(rows).all(axis=1).tolist() == is_nan
        same = rows[wrong : wrong + 6]
        np.testing.assert_array_equal(same, np.tile(same[:1], (6, 1)))


@pytest.mark.slow
@pytest.mark.parametrize("format_name", SCORERS)
def test_column_read_in_two_ways_is_exported(format_name: str, tmp_path: Path) -> None:
    """A boolean that is a number and a word, and lists that are weights and words."""
    draw = np.random.default_rng(0)
    lists = [draw.integers(0, 5, n).tolist() for n in draw.integers(1, 4, 200)]
    columns = {
        "member": draw.random(200) < 0.5,
        "user": draw.integers(0, 5, 200),
        "list": [[f"w{x}" for x in values] for values in lists],
        "counts": lists,
    }
    features = {
        "member": {"kind": "dense"},
        "pair": {"kind": "cross", "columns": ["user", "member"]},
        "list": {"kind": "sequence", "max_length": 3, "weights": "counts"},
        "counts": {"kind": "sequence", "max_length": 3},
    }
    tasks = {"click": {"label": "click", "kind": "binary"}}
    train = parquet(tmp_path, columns | {"click": columns["user"] % 2})
    data = values(train, features, tasks, test=str(train))
    run_in(tmp_path / "run", config(data, "trainer.epochs=1"))
    score = scorer(tmp_path / "run", format_name)
    inputs = {
        "member": [str(x).lower() for x in columns["member"]],
        "user": [str(x) for x in columns["user"]],
        "list": [x + [""] * (3 - len(x)) for x in columns["list"]],
        "counts": [[*map(str, x), *[""] * (3 - len(x))] for x in columns["counts"]],
    }
    expected = mtl_cli.load(tmp_path / "run").predict(pa.table(columns))
    np.testing.assert_allclose(score(inputs)["click"], expected["click"], rtol=1e-5)


@pytest.mark.parametrize("format_name", slow_except(["onnx"], SCORERS))
def test_row_that_mtl_predict_refuses_is_nan_and_the_others_are_not(
    format_name: str, run: Path
) -> None:
    inputs = as_inputs(rows_of(WITHOUT_HASHES, 5, seed=5))
    inputs["plain"][2] = float("nan")
    for x in scorer(run, format_name)(inputs).values():
        assert np.isnan(x).tolist() == [False, False, True, False, False]


@pytest.mark.slow
@pytest.mark.parametrize("format_name", SCORERS)
def test_batch_in_which_all_lists_are_empty_is_scored(
    format_name: str, run: Path
) -> None:
    table = rows_of(WITHOUT_HASHES, 20, seed=6)
    inputs: dict[str, Any] = as_inputs(table)
    for name in ("list", "list_weights", "users", "seen"):
        empty = pa.nulls(20, table.schema.field(name).type)
        table = table.drop_columns([name]).append_column(name, empty)
        inputs[name] = np.empty((20, 0), "float64" if name in NUMERIC else object)
    columns = scorer(run, format_name)(inputs)
    expected = mtl_cli.load(run).predict(table)
    assert largest_difference(columns, expected) <= TOLERANCES[format_name]


# All kinds of inputs: texts, a number, texts to be split, and lists.
SET = {"user": 2**53 + 1, "price": 1.5, "tags": "a|b", "tag_weights": "1|2"}
SET |= {"users": [2**53, 2**53 + 4]}


@pytest.mark.slow
@pytest.mark.parametrize("format_name", slow_except(["onnx"], SCORERS))
def test_export_with_set_columns_does_not_read_them_and_can_be_verified(
    format_name: str, run: Path, tmp_path: Path
) -> None:
    path = tmp_path / ("model.onnx" if format_name == "onnx" else "model")
    model = mtl_cli.load(run)
    model.export(path, format_name, set=SET)
    replayed = verify(path)
    assert replayed.error <= TOLERANCES[format_name]
    all_columns = rows_of(WITHOUT_HASHES, 200, seed=8)
    table = all_columns.drop_columns([*SET])
    expected = model.predict(table, set=SET)
    columns = SCORERS[format_name](path)(as_inputs(table))
    tolerance = TOLERANCES[format_name]
    limits = pd.DataFrame(tolerance, expected.index, expected.columns)
    if format_name == "onnx":
        is_huge = has_huge_number(all_columns)
        limits.loc[is_huge, REGRESSIONS] = CANCELLATION * tolerance
    assert (relative_differences(columns, expected) <= limits).all(axis=None)
    record = record_of(path)
    assert not set(record["inputs"]) & set(SET) and "word" in record["inputs"]
    assert record["constants"] == SET


def test_weights_have_no_inputs_so_no_column_can_be_set(
    run: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no value can be set for price; set"):
        mtl_cli.load(run).export(tmp_path / "weights", "weights", set={"price": 1})
    assert not list(tmp_path.iterdir())


def test_format_whose_package_is_missing_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    export_format = get_format("onnx")
    monkeypatch.setattr(type(export_format), "packages", ("onnx", "no_such_package"))
    message = r"--format onnx: not installed: no_such_package; .*'mtl-cli\[export\]'"
    with pytest.raises(ConfigError, match=message):
        export_format.check("onnx", Path("model.onnx"))


@pytest.mark.slow
def test_export_holds_test_rows_with_missing_unseen_and_huge_values(run: Path) -> None:
    scorer(run, "saved_model")
    record = json.loads((run.parent / "model" / "export.json").read_text("utf-8"))
    assert record["outputs"] == [
        *("click", "buy", "seconds", "spent"),
        *("level.low", "level.high", "level.no"),
        *("stars.no", "stars.low", "stars.high", "amount", "time"),
    ]
    users = record["rows"]["user"]
    assert len(users) == 64 and None in users and "zoë" in users
    assert any(u and u.isdigit() and int(u) > 2**53 for u in users)
    assert record["inputs"]["tags"] == record["inputs"]["whole"] == "text"
    assert record["inputs"]["list"] == "texts"


def test_slices_of_towers_have_the_names_of_tasks_members_and_scenarios() -> None:
    tasks = ["income", "rating"]
    settings = ["model=shared_bottom", "model.members=2"]
    for scenario, expected in (
        ([], ["income 1", "income 2", "rating 1", "rating 2"]),
        (
            [*networks.SCENARIO, "model.towers=per_scenario"],
            [
                f"{task} {member} for scenario {scenario}"
                for task in tasks
                for scenario in ("app", "tv", "web")
                for member in (1, 2)
            ],
        ),
    ):
        network = networks.network(*settings, *scenario)
        layer = network.logits.get_layer("towers_0_1_logits")
        names = network_slices(layer.kernel, layer, tasks, ["app", "tv", "web"])
        assert names == {"slices": expected}


def split_networks(weight: np.ndarray, slices: list[str]) -> dict[str, np.ndarray]:
    """Splits a weight as the page about exports says."""
    num_per_entry = len(slices) // len(weight)
    arrays = [x for entry in weight for x in np.split(entry, num_per_entry, axis=-1)]
    return dict(zip(slices, arrays, strict=True))


@pytest.mark.parametrize("model", slow_except(["snr", "stem"], networks.MODELS))
def test_slices_of_weights_are_the_weights_of_the_named_networks(model: str) -> None:
    tasks = networks.TASKS[:2]
    network = networks.network(f"model={model}")
    networks.randomize(network.predictions)
    num_checked = 0
    for layer in network.predictions.layers:
        for part in networks.parallel_dense_layers(layer):
            keys = network_slices(part.kernel, layer, tasks, ["a", "b", "c"])
            if "slices" not in keys:
                continue
            found = split_networks(part.kernel.numpy(), keys["slices"])
            kernels = part.split_by_layer(part.kernel)  # without factors of features
            for kernel, expected in zip(found.values(), kernels, strict=True):
                np.testing.assert_array_equal(kernel, expected)
            num_checked += 1
            for experts in keys.get("experts", {}).values():
                assert len(experts) == part.units
    assert num_checked >= 2


def test_slices_and_experts_have_the_names_of_gates_json() -> None:
    tasks = networks.TASKS[:2]
    cgc = networks.network(
        "model=cgc", "model.num_specific_experts=2", "model.num_shared_experts=1"
    )
    snr = networks.network("model=snr", "model.num_levels=1", "model.num_networks=2")

    def keys_of(network: Network, layer_name: str) -> dict[str, Any]:
        layer = network.predictions.get_layer(layer_name)
        (part,) = networks.parallel_dense_layers(layer)[-1:]
        return network_slices(part.kernel, layer, tasks, [])

    income, never_married = ([f"{task} 1", f"{task} 2"] for task in tasks)
    expected = {"slices": [*income, *never_married]}
    assert keys_of(cgc, "level_1_specific_experts") == expected
    assert keys_of(cgc, "level_1_shared_experts") == {"slices": ["1"]}
    assert keys_of(cgc, "level_1_gates") == {
        "slices": tasks,
        "experts": {
            "income": [*income, "shared 1"],
            "never_married": [*never_married, "shared 1"],
        },
    }
    # The matrix W_ij from the sub-network j to the task i is named `i j`.
    assert keys_of(snr, "level_1_transforms") == {
        "slices": ["income 1", "never_married 1", "income 2", "never_married 2"]
    }
    connections = snr.predictions.get_layer("level_1_connections")
    keys = network_slices(connections.weights[0], connections, tasks, [])
    assert keys["experts"] == {task: ["network 1", "network 2"] for task in tasks}


def test_tables_and_sets_of_embeddings_give_the_encodings() -> None:
    """STEM has embeddings of each task, and shared ones."""
    overrides = ("model=stem", "encoder.embedding_dim=4")
    network = networks.network(*overrides)
    networks.randomize(network.predictions)
    layer = network.predictions.get_layer("embedding")
    features = SimpleNamespace(layout=networks.LAYOUT)
    model = SimpleNamespace(features=features, config=networks.config(*overrides))
    keys = embedding_tables(layer, groups_by_layer(network, model), model)
    assert keys["sets"] == [*networks.TASKS[:2], "shared"]
    inputs = networks.features()
    encode = keras.Model(network.predictions.inputs, network.encodings)
    vectors = np.split(layer.table.numpy(), len(keys["sets"]), axis=1)
    for table, encoding in zip(vectors, encode(inputs), strict=True):
        first, _ = keys["tables"]["item"]  # the second feature
        expected = table[first + inputs["ids"][:, 1]]
        np.testing.assert_array_equal(encoding[:, 4:8], expected)


def test_first_order_tables_of_equal_sizes_are_those_of_their_features() -> None:
    """A frozen and a trained table are in two layers, which were taken for one."""
    layout = Layout(
        {"user": EmbeddingTable(5), "item": EmbeddingTable(5, frozen=True)},
        {name: Block("ids", table=name) for name in ("user", "item")},
    )
    config = networks.config("model=stem", "encoder=deepfm", "encoder.embedding_dim=4")
    network = build(config, layout)
    networks.randomize(network.predictions)
    features = SimpleNamespace(layout=layout)
    model = SimpleNamespace(features=features, config=config)
    groups = groups_by_layer(network, model)
    ids = np.random.default_rng(0).integers(0, 5, (8, 2)).astype("int32")
    described = []
    for layer in network.predictions.layers:
        keys = embedding_tables(layer, groups, model)
        if "tables" in keys:
            ((name, rows),) = keys["tables"].items()
            assert rows == [0, 5]
            described.append(name)
            look_up = keras.Model(network.predictions.inputs, layer.output)
            vectors = np.concatenate(look_up({"ids": ids})[:, :, 0], axis=-1)
            column = list(layout.tables).index(name)
            np.testing.assert_array_equal(vectors, layer.table.numpy()[ids[:, column]])
    # The vectors, and the first-order weights of each of the three sets of embeddings.
    assert sorted(described) == ["item"] * 4 + ["user"] * 4


def test_names_of_weights_have_the_numbers_of_tasks_but_not_those_of_keras() -> None:
    names, same_names = (
        [*named_weights(networks.network("model=single_task", "encoder=dcnv2"))]
        for _ in range(2)  # Keras numbers the layers of the second network differently
    )
    assert names == same_names
    assert {"towers_0_1/parallel_dense/kernel", "towers_0_1_logits/kernel"} < {*names}
    assert {"cross_net/kernel0", "cross_net/kernel0_2"} < {*names}


def test_weights_and_their_manifest_give_the_encoding_and_the_predictions(
    run: Path,
) -> None:
    path = run.parent / "weights"
    model = mtl_cli.load(run)
    model.export(path, "weights")
    weights = np.load(path / "weights.npz")
    manifest = json.loads((path / "weights.json").read_text("utf-8"))
    assert {n: list(x.shape) for n, x in weights.items()} == {
        n: tensor["shape"] for n, tensor in manifest["tensors"].items()
    }
    table = rows_of(WITHOUT_HASHES, 100, seed=9)
    rebuilt = weights_format.load(path)
    columns = rebuilt.prediction_columns(rebuilt.features.encode(table))
    pd.testing.assert_frame_equal(pd.DataFrame(columns), model.predict(table))
    (embedding,) = [t for t in manifest["tensors"].values() if "tables" in t]
    first, last = embedding["tables"]["whole"]
    cuts = manifest["features"]["whole"]["learnt"]["cuts"]
    assert last - first == 1 + len(cuts) + 1  # missing, and the buckets between cuts
    for feature in manifest["features"].values():
        has_numbers = feature["input"] == "dense" or feature["ramps"] is not None
        assert (feature["numbers"] is not None) == has_numbers
    tasks_of = {n: t["tasks"] for n, t in manifest["tensors"].items() if "tasks" in t}
    assert tasks_of["towers_4_6_logits/bias"] == ["level", "amount"]  # of 3 logits each
    blocks = [(b["feature"], b["input"]) for b in manifest["encoding"]]
    order = ["ids", "sequences", "dense"]
    assert blocks == [
        (name, place)
        for place in order
        for name, feature in manifest["features"].items()
        if place in (feature["input"], "dense" if feature["ramps"] else "")
    ]
    widths = sum(block["width"] for block in manifest["encoding"])
    assert widths == model._model.network.encodings[0].shape[-1]
    scales = {
        f"calibration/{n}" for n in ("scale", *(f"scale_{i}" for i in range(2, 7)))
    }
    calibrated = ["click", "buy", "level", "stars", "amount", "time"]
    assert sorted(tasks_of[name][0] for name in scales) == sorted(calibrated)


def test_onnx_file_that_somebody_has_changed_is_refused(
    run: Path, tmp_path: Path
) -> None:
    scorer(run, "onnx")  # writes the file
    path = tmp_path / "model.onnx"
    # Only names of tensors inside of the graph change, so the model predicts the same.
    text = (run.parent / "model.onnx").read_bytes()
    path.write_bytes(text.replace(b"encoded/", b"ENCODED/"))
    message = r"model\.onnx has changed since it was written"
    with pytest.raises(DataError, match=message):
        verify(path)
    with pytest.raises(ConfigError, match=message):
        check_export_target(path, force=True)
    (tmp_path / "model.onnx").write_bytes((run.parent / "model.onnx").read_bytes())
    check_export_target(path, force=True)


def test_onnx_file_of_another_program_is_no_export(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    graph = onnx.helper.make_graph([], "empty", [], [])
    onnx.save(onnx.helper.make_model(graph), path)
    with pytest.raises(DataError, match=r"model\.onnx is not an export; name a file"):
        verify(path)
    with pytest.raises(ConfigError, match=r"model\.onnx is not an export of mtl-cli"):
        check_export_target(path, force=True)


def test_weights_with_forged_learnt_values_are_refused(
    run: Path, tmp_path: Path
) -> None:
    learnt = json.loads((run / saved_model.LEARNT).read_text("utf-8"))
    learnt["features"]["user"]["vocabulary"] = ["1", "1"]
    manifest = {
        "config": json.loads((run / saved_model.SPEC).read_text("utf-8")),
        "features": {name: {"learnt": x} for name, x in learnt["features"].items()},
        "labels": learnt["labels"],
    }
    (tmp_path / weights_format.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"feature user: .* twice"):
        weights_format.load(tmp_path)


@pytest.mark.slow
def test_weights_with_another_configuration_are_refused(
    run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "weights"
    mtl_cli.load(run).export(path, "weights")
    manifest = json.loads((path / "weights.json").read_text("utf-8"))
    manifest["config"]["model"]["bottom_units"] = [10**6, 10**6]
    (path / "weights.json").write_text(json.dumps(manifest))
    forget_hashes(path)
    with pytest.raises(DataError, match="more weights than expected"):
        verify(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "key", "value", "message"),
    [
        ("weights.json", "config", {}, "weights.json: config: seed: Field required"),
        (
            "export.json",
            "outputs",
            [],
            "the values of its record contradict each other",
        ),
        ("export.json", "predictions", [np.inf] * 64, "differently than the run did"),
    ],
)
def test_forged_files_of_an_export_are_refused(
    run: Path, tmp_path: Path, file: str, key: str, value: Any, message: str
) -> None:
    path = tmp_path / "weights"
    mtl_cli.load(run).export(path, "weights")
    values = json.loads((path / file).read_text("utf-8"))
    values[key] = dict.fromkeys(values[key], value) if key == "predictions" else value
    (path / file).write_text(json.dumps(values))
    forget_hashes(path)
    with pytest.raises(MtlError, match=message):
        verify(path)


def test_error_of_a_large_prediction_is_that_of_an_exponential():
    exponents = np.array([-5.0, 0.0, 5.0, 50.0, 500.0])
    expected = np.exp(exponents)
    found = np.exp(exponents * (1 + 1e-7))
    assert prediction_errors(found, expected).max() < 1.1e-7
    assert prediction_errors(1.001 * expected, expected)[1:4] == pytest.approx(
        1e-3 / (1 + exponents[1:4])
    )
    largest = np.array([1e308])
    for prediction in (0.5, -1e308):
        assert prediction_errors(np.array([prediction]), largest) > 1e-3
    infinite = np.array([np.inf, -np.inf, np.inf, np.nan])
    errors = prediction_errors(infinite, np.array([np.inf, -np.inf, 1.0, 1.0]))
    assert errors[:2].tolist() == [0, 0]
    assert not np.isfinite(errors[2:]).any()


@pytest.mark.slow
@pytest.mark.parametrize("number", [np.nan, 1e300])
def test_weights_that_are_no_numbers_are_refused(
    run: Path, tmp_path: Path, number: float
) -> None:
    path = tmp_path / "weights"
    mtl_cli.load(run).export(path, "weights")
    weights = dict(np.load(path / "weights.npz"))
    name = next(iter(weights))
    weights[name] = weights[name].astype("float64")
    weights[name].flat[-1] = number
    np.savez(path / "weights.npz", **weights)
    forget_hashes(path)
    with pytest.raises(DataError, match=f"'{name}' holds NaN or infinity"):
        verify(path)


def run_of(tmp_path: Path, features: dict[str, Any], task: str, **names: str) -> Path:
    tmp_path.mkdir(exist_ok=True)
    table = planted().rename_columns(names)
    tasks = {task: {"label": "click", "kind": "binary"}}
    run_in(tmp_path / "run", config(values(parquet(tmp_path, table), features, tasks)))
    return tmp_path / "run"


@pytest.mark.slow
def test_onnx_takes_columns_with_the_names_of_tensors_and_refuses_those_of_predictions(
    tmp_path: Path,
) -> None:
    features = {"ids": {"kind": "sparse"}, "dense": {"kind": "dense"}}
    run = run_of(tmp_path, features, "age", user="ids", price="dense")
    mtl_cli.load(run).export(tmp_path / "model.onnx", "onnx")
    run = run_of(tmp_path / "other", {"age": {"kind": "dense"}}, "age")
    with pytest.raises(ConfigError, match="column 'age' of the data has an empty"):
        mtl_cli.load(run).export(tmp_path / "other.onnx", "onnx")


def test_onnx_refuses_a_column_without_a_name() -> None:
    with pytest.raises(ConfigError, match="column '' of the data has an empty name"):
        onnx_format.check_names({"inputs": {"": "text"}, "outputs": ["click"]})


def test_onnx_refuses_bfloat16(run: Path) -> None:
    loaded = saved_model.load(run)
    trainer = loaded.config.trainer.model_copy(update={"precision": "bfloat16"})
    config = loaded.config.model_copy(update={"trainer": trainer})
    model = Model(dataclasses.replace(loaded, config=config))
    with pytest.raises(ConfigError, match="precision=bfloat16, in which ONNX"):
        model.export(run.parent / "bfloat16.onnx", "onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["word", "pair"])
def test_onnx_refuses_hashed_features_by_name(name: str, tmp_path: Path) -> None:
    keys = HASHED["word"] if name == "word" else HASHED["hashed_pair"]
    keys = keys | ({"columns": ["user", "item"]} if name == "pair" else {})
    names = {"item": "word"} if name == "word" else {}
    run = run_of(tmp_path, {name: keys}, "click", **names)
    with pytest.raises(ConfigError) as error:
        mtl_cli.load(run).export(tmp_path / "model.onnx", "onnx")
    assert f"dataset.features.{name}: ONNX has no operation that hashes" in str(
        error.value
    )
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize("format_name", SCORERS)
def test_logarithm_of_a_label_is_exported(format_name: str, tmp_path: Path) -> None:
    features = {name: FEATURES[name] for name in ("plain", "range")}
    task = {"label": "amount", "kind": "regression", "transform": "log1p"}
    run = trained(tmp_path, features, tasks={"amount": task})
    table = every_kind.rows(200, 3).select(list(features))
    expected = mtl_cli.load(run).predict(table)["amount"]
    assert expected.nunique() > 100
    found = scorer(run, format_name)(as_inputs(table))["amount"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_expm1_of_onnx_is_exp_minus_1() -> None:
    function = tf.function(lambda x: [tf.math.expm1(x)], autograph=False)
    converted, _ = tf2onnx.convert.from_function(
        function,
        [tf.TensorSpec([None], tf.float32, name="x")],
        opset=_tf2onnx.TF2ONNX_OPSET,
        custom_op_handlers={"Expm1": (_tf2onnx.convert_expm1, [])},
    )
    session = onnxruntime.InferenceSession(converted.SerializeToString())
    (found,) = session.run(None, {"x": np.float32([0, np.log(2), -np.log(2)])})
    np.testing.assert_allclose(found, [0, 1, -0.5], rtol=1e-6)


def test_operations_that_onnx_lacks_are_named() -> None:
    nodes = [
        onnx.helper.make_node("Exp", ["x"], ["y"]),
        onnx.helper.make_node("Betainc", ["y"], ["z"]),
    ]
    graph = onnx.helper.make_graph(nodes, "network", [], [])
    with pytest.raises(ConfigError, match="operations of the network: Betainc; take"):
        _tf2onnx.check_operations(onnx.helper.make_model(graph))


@pytest.mark.slow
def test_model_that_a_file_cannot_hold_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtl_cli.exports.onnx.MAX_BYTES", 100)
    with pytest.raises(ConfigError, match="GiB, but an ONNX file"):
        mtl_cli.load(run).export(tmp_path / "m.onnx", "onnx")
    monkeypatch.setattr("mtl_cli.exports.saved_model.MAX_BYTES", 100)
    with pytest.raises(ConfigError, match="vocabularies have more than 2 GiB"):
        mtl_cli.load(run).export(tmp_path / "m", "saved_model")
    assert not list(tmp_path.iterdir())


def served(path: Path, inputs: dict[str, Any]) -> dict[str, Any]:
    """What TensorFlow Serving answers to the JSON body of a REST request.

    A server loads the graph by its tag, and feeds tensors that the signature names. The
    values of the body take the types of the signature.
    """
    body = json.dumps({"inputs": inputs})
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(path))
        signature = graph.signature_def["serving_default"]
        assert signature.method_name == "tensorflow/serving/predict"
        inputs = json.loads(body)["inputs"]
        assert inputs.keys() == set(signature.inputs)
        feeds = {
            tensor.name: np.array(
                inputs[column], tf.as_dtype(tensor.dtype).as_numpy_dtype
            )
            for column, tensor in signature.inputs.items()
        }
        fetches = {name: tensor.name for name, tensor in signature.outputs.items()}
        columns: dict[str, Any] = session.run(fetches, feeds)
        return columns


@pytest.mark.slow
def test_body_of_a_rest_request_is_scored_as_tensorflow_serving_does(run: Path) -> None:
    table = rows_of(WITHOUT_HASHES, 20, seed=7)
    scorer(run, "saved_model")
    columns = served(run.parent / "model", as_inputs(table))
    expected = mtl_cli.load(run).predict(table)
    assert largest_difference(columns, expected) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("names", [("column_1", "column_0"), ("input0", "input_1")])
def test_columns_with_the_names_of_arguments_keep_their_places(
    names: tuple[str, str], tmp_path: Path
) -> None:
    """A table without a header has columns such as `column_1`, see `mtl-init`."""
    age, price = names
    features = {price: {"kind": "dense"}, age: {"kind": "dense"}}
    run = run_of(tmp_path, features, "click", price=price, age=age)
    model = mtl_cli.load(run)
    model.export(tmp_path / "model", "saved_model")
    table = planted().rename_columns({"price": price, "age": age}).select([age, price])
    expected = model.predict(table)
    inputs = {name: table[name].cast("float64").to_pylist() for name in names}
    served_columns = served(tmp_path / "model", inputs)
    assert largest_difference(served_columns, expected) <= 1e-6
    score = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    tensors = {name: tf.constant(x, tf.float64) for name, x in inputs.items()}
    columns = {name: x.numpy() for name, x in score(**tensors).items()}
    assert largest_difference(columns, expected) <= 1e-6


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["self"], "takes no column 'self'"),
        ([""], "takes no column ''"),
        (["1a", "arg_1a"], "takes no column 'arg_1a'"),
        (["_a", "arg__a"], "takes no column 'arg__a'"),
        (["½a", "arg_½a"], "takes no column 'arg_½a'"),
        (["a b", "a_b"], "takes no column 'a_b'"),
    ],
)
def test_names_that_tensorflow_confuses_are_refused(
    columns: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        saved_model_format.check_names(columns)


@pytest.mark.slow
def test_saved_model_needs_nothing_but_tensorflow(run: Path, tmp_path: Path) -> None:
    table = rows_of(WITHOUT_HASHES, 300, seed=6)
    rows = {name: (name not in NUMERIC, x) for name, x in as_inputs(table).items()}
    (tmp_path / "rows.json").write_text(json.dumps(rows), "utf-8")
    scorer(run, "saved_model")
    model = str(run.parent / "model")
    command = [sys.executable, "-P", "-c", ALONE, model, f"{tmp_path}/rows.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = mtl_cli.load(run).predict(table)
    assert largest_difference(json.loads(done.stdout), expected) <= 1e-6


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returns NoneType, not a dict"),
        ({"y": np.ones((2, 1))}, r"returns float64 \(2, 1\) for y, not numbers \(2,\)"),
        ({"y": ["a", "b"]}, r"returns <U1 \(2,\) for y, not numbers \(2,\)"),
    ],
)
def test_format_whose_predict_returns_no_predictions_is_named(
    returned: Any, message: str
) -> None:
    record: Any = {
        "format": "own",
        "inputs": {"x": "number"},
        "rows": {"x": [1.0, 2.0]},
    }
    record |= {"outputs": ["y"], "predictions": {"y": [1.0, 1.0]}}
    own: Any = SimpleNamespace(predict=lambda *_: returned, tolerance=1e-6)
    with pytest.raises(ConfigError, match=f"--format own: `predict` {message}"):
        replay(own, record, Path("model"), Path("model"))
