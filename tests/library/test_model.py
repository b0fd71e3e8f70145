"""`mtl_cli.load` and `Model.predict`: the numbers of the run, for any table."""

import copy
import json
import logging
import os
import pickle
import random
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import absl.logging
import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf
from helpers.planted_data import config, run_in, values

import mtl_cli
from mtl_cli.api.arrow_rows import FrameTable, select_feature_columns
from mtl_cli.api.model import Model
from mtl_cli.api.unchanged_process import unchanged_process, unchanged_settings
from mtl_cli.core import plugins
from mtl_cli.data.column_request import ColumnRequest

FEATURES = {
    "user": {"kind": "sparse"},
    "item": {"kind": "hashed", "num_buckets": 7},
    "price": {"kind": "dense", "transform": "standard"},
}
TASKS: dict[str, Any] = {
    "click": {"label": "click", "kind": "binary"},
    "spent": {"label": "spent", "kind": "regression"},
    "level": {"label": "level", "kind": "multiclass", "classes": ["low", "high", "no"]},
}


def rows(count: int = 300, seed: int = 0) -> pa.Table:
    """Rows with ids beyond 2^53, text, numbers and three labels."""
    chance = np.random.default_rng(seed)
    user, price = chance.integers(0, 9, count), chance.normal(size=count)
    return pa.table(
        {
            "user": user + 2**53,
            "item": [f"item {i % 5}" for i in range(count)],
            "price": price,
            "click": (user % 2 == 0).astype(int),
            "spent": price + user,
            "level": np.array(["low", "high", "no"])[user % 3],
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> mtl_cli.Run:
    """A run in reduced precision, on rows in Parquet."""
    folder = tmp_path_factory.mktemp("run")
    for name, table in {"train": rows(), "test": rows(100, seed=1)}.items():
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
    data = values(
        folder / "train.parquet", FEATURES, TASKS, test=str(folder / "test.parquet")
    )
    chosen = config(data, "trainer.precision=bfloat16", "trainer.epochs=2")
    run_in(folder / "run", chosen)
    keras.config.set_dtype_policy("float32")
    return mtl_cli.Run(folder / "run")


@pytest.fixture(scope="module")
def model(run: mtl_cli.Run) -> Model:
    return mtl_cli.load(run)


def expected(run: mtl_cli.Run) -> pd.DataFrame:
    """The predictions that the run has written, in the form of `predict`."""
    written = run.predictions
    levels = np.stack(written["level_prediction"].to_list())
    columns = {name: written[f"{name}_prediction"] for name in ("click", "spent")}
    classes = {f"level.{c}": levels[:, i] for i, c in enumerate(("low", "high", "no"))}
    return pd.DataFrame(columns | classes)


def test_predictions_are_those_of_the_run_bit_by_bit(
    run: mtl_cli.Run, model: Model
) -> None:
    assert model.outputs == ["click", "spent", "level"]
    assert model.config.trainer.precision == "bfloat16"
    table = rows(100, seed=1)
    for each in (table, table.to_pandas()):
        pd.testing.assert_frame_equal(
            model.predict(each), expected(run), check_exact=True
        )


def test_files_are_predicted_as_tables_in_memory(
    run: mtl_cli.Run, model: Model, tmp_path: Path
) -> None:
    table = rows(100, seed=1)
    paths = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    pyarrow.parquet.write_table(table.slice(0, 40), paths[0])
    pyarrow.parquet.write_table(table.slice(40).drop_columns(["price"]), paths[1])
    with pytest.raises(mtl_cli.DataError, match=r"no column 'price' .*2\.parquet"):
        model.predict(paths)
    predictions = model.predict(paths, set={"price": 0.5})
    in_memory = model.predict(table, set={"price": 0.5})
    pd.testing.assert_frame_equal(predictions, in_memory, check_exact=True)
    pyarrow.parquet.write_table(table, paths[0])
    predictions = model.predict(str(paths[0]))
    pd.testing.assert_frame_equal(predictions, expected(run), check_exact=True)


def test_warnings_name_the_values_of_files(model: Model, tmp_path: Path) -> None:
    table = rows(20).to_pandas().assign(user=7)
    table.to_parquet(tmp_path / "x.parquet")
    with pytest.warns(UserWarning, match=r"predict: .*: user \(100.0%, such as 7"):
        model.predict(tmp_path / "x.parquet")


def test_only_the_columns_of_features_count_in_any_order(
    run: mtl_cli.Run, model: Model
) -> None:
    frame = rows(100, seed=1).to_pandas()
    frame = frame[["price", "item", "user"]].assign(other=[{}] * 100)
    pd.testing.assert_frame_equal(model.predict(frame), expected(run), check_exact=True)


def test_missing_column_is_told_in_one_line(model: Model) -> None:
    table = (
        rows(9)
        .drop_columns(["item"])
        .rename_columns(["user", "prize", "click", "spent", "level"])
    )
    for each in (table, table.to_pandas()):
        with pytest.raises(mtl_cli.DataError) as raised:
            model.predict(each)
        assert "no column 'item' in the table, which has user, prize" in str(
            raised.value
        )
        assert "\n" not in str(raised.value)


def test_types_of_ids_are_those_that_training_reads(
    run: mtl_cli.Run, model: Model
) -> None:
    frame = rows(100, seed=1).to_pandas()
    others = {
        "nullable": frame.assign(user=frame["user"].astype("Int64")),
        "text": frame.assign(user=frame["user"].astype(str)),
        "category": frame.assign(item=frame["item"].astype("category")),
        "object": frame.assign(user=frame["user"].astype(object)),
    }
    for each in others.values():
        pd.testing.assert_frame_equal(
            model.predict(each), expected(run), check_exact=True
        )


def test_ids_that_pandas_made_floats_are_refused_only_if_floats_round_them(
    model: Model,
) -> None:
    frame = rows(9).to_pandas()
    frame.loc[0, "user"] = np.nan
    for table in (frame, pa.Table.from_pandas(frame)):
        with pytest.raises(mtl_cli.DataError, match="rounds whole numbers above 2"):
            model.predict(table)
    frame["user"] = [None, *range(8)]
    whole = frame.assign(user=frame["user"].astype("Int64"))
    pd.testing.assert_frame_equal(
        model.predict(frame), model.predict(whole), check_exact=True
    )


def test_set_columns_are_predicted_as_if_the_table_held_the_value(model: Model) -> None:
    frame = rows(100, seed=1).to_pandas()
    before = model.predict(frame)
    user = 2**53 + 3
    expected = model.predict(frame.assign(user=user, price=0.5))
    less = frame.drop(columns=["user"])
    for table in (frame, less, pa.Table.from_pandas(less)):
        for value in (user, str(user), np.int64(user)):
            found = model.predict(table, set={"user": value, "price": 0.5})
            pd.testing.assert_frame_equal(found, expected, check_exact=True)
    pd.testing.assert_frame_equal(model.predict(frame), before, check_exact=True)


def test_wrong_set_columns_are_told_in_one_line(model: Model) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "predict: set: no feature of the run reads a column 'usr'; did you mean user": {
            "usr": 1
        },
        "predict: set user: feature user: needs whole numbers .* such as 1.5": {
            "user": 1.5
        },
        "predict: set price: the value holds 'high', not a number$": {"price": "high"},
        "predict: set price: .*; give a text, a finite float,": {"price": object()},
        "predict: set price: .* too large .* of at most 64 bits$": {"price": 2**70},
    }
    for message, values_to_set in wrong.items():
        with pytest.raises(mtl_cli.ConfigError, match=message) as raised:
            model.predict(rows(9), set=values_to_set)
        assert "\n" not in str(raised.value)


def test_set_value_without_training_rows_is_warned_of(model: Model) -> None:
    with pytest.warns(UserWarning, match=r"rows lack .*: user \(100.0%, such as"):
        model.predict(rows(20), set={"user": 5})


def test_wrong_cells_and_wrong_tables_are_told_in_one_line(model: Model) -> None:
    frame = rows(9).to_pandas()
    wrong: dict[str, Any] = {
        "column price: Sparse .*; convert the column": frame.assign(
            price=pd.arrays.SparseArray(frame["price"])
        ),
        "column user: Python int too large": frame.assign(user=[10**30] * len(frame)),
        "column price .*give all its cells one type": frame.assign(
            price=frame["price"].astype(object).where(frame.index != 2, "dear")
        ),
        "feature price: row 3 holds 'dear', not a number": frame.assign(
            price=frame["price"].astype(str).where(frame.index != 2, "dear")
        ),
        "or train with `missing:`, which says": frame.assign(price=np.nan),
        r"or paths, but got \[1, 2\]": [1, 2],
        "TABLE: no file 'events.parquet'": "events.parquet",
        "predict: .*item": frame.assign(item=[1, "a", {}] * 3),
        "column item: .*surrogates not allowed; ": frame.assign(
            item=pd.Series(["\ud800"] * len(frame), dtype=object)
        ),
    }
    for message, table in wrong.items():
        with pytest.raises(mtl_cli.DataError, match=message) as raised:
            model.predict(table)
        assert "\n" not in str(raised.value) and str(raised.value).encode()


def test_damaged_texts_of_arrow_are_refused(model: Model) -> None:
    latin = pa.array([b"K\xf6ln"] * 9)
    table = rows(9).to_pandas().drop(columns="item")
    damaged = pa.Table.from_pandas(table).append_column(
        "item", pa.Array.from_buffers(pa.string(), 9, latin.buffers())
    )
    for use in (model.predict, model.evaluate):
        with pytest.raises(mtl_cli.DataError, match=r"^\w+: column 'item': .*UTF8"):
            use(damaged)


class StreamOnly:
    """A table of another library, of which Arrow knows the stream alone."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def test_tables_of_other_libraries_are_read_by_arrow(model: Model) -> None:
    table = rows(9)
    expected = model.predict(table)
    for each in (StreamOnly(table), table.to_batches()[0]):
        pd.testing.assert_frame_equal(model.predict(each), expected)
    not_rows = StreamOnly(table["price"])  # a stream of numbers
    with pytest.raises(mtl_cli.DataError, match="Arrow cannot read the StreamOnly: "):
        model.predict(not_rows)
    metrics = model.evaluate(StreamOnly(table)).metrics
    pd.testing.assert_frame_equal(metrics, model.evaluate(table).metrics)


def test_importance_is_the_mean_of_the_requested_number_of_shufflings(
    model: Model,
) -> None:
    importance = model.evaluate(rows(60), importance=True, repeats=3).to_dict()
    assert {len(r["drops"]) for r in importance["importance"]["features"]} == {3}
    with pytest.raises(mtl_cli.ConfigError, match="repeats: has no effect alone"):
        model.evaluate(rows(60), repeats=3)


def test_table_without_rows_has_no_predictions(model: Model) -> None:
    expected = model.predict(rows(9))
    for table in (rows(9)[:0], rows(9).to_pandas()[:0]):
        predictions = model.predict(table)
        assert predictions.shape == (0, 5)
        assert predictions.dtypes.equals(expected.dtypes)


def test_values_that_training_never_saw_are_no_error(model: Model) -> None:
    table = pa.table({"user": [1, None], "item": ["new", None], "price": [9.0, -9.0]})
    predictions = model.predict(table)
    assert predictions.shape == (2, 5)
    assert np.isfinite(predictions.to_numpy()).all()


def test_values_that_are_unknown_in_most_rows_are_warned_of(model: Model) -> None:
    frame = rows(20).to_pandas().assign(user=7)
    with pytest.warns(UserWarning, match=r"predict: .*: user \(100.0%, such as 7"):
        model.predict(frame)


def selected(frame: pd.DataFrame, request: ColumnRequest) -> pa.Table:
    return select_feature_columns(FrameTable(frame, "predict"), request)


def test_columns_of_a_frame_may_be_named_by_numbers() -> None:
    frame = pd.DataFrame({1: [0.5, 1.5], "x": [object(), object()]})
    request = ColumnRequest({"1": "dataset.features.1"}, {})
    rows = selected(frame, request)
    assert rows.to_pydict() == {"1": [0.5, 1.5]}


def test_column_of_a_type_that_arrow_lacks_is_refused_in_plain_words() -> None:
    frame = pd.DataFrame({"x": np.array([0.5, 1.5], "longdouble"), "y": [1, 2]})
    request = ColumnRequest(dict.fromkeys("xy", "dataset.features"), {})
    with pytest.raises(mtl_cli.DataError, match=r": column x: Unsupported .*; Conv"):
        selected(frame, request)


def test_intervals_of_pandas_cut_are_read_as_text(model: Model) -> None:
    frame = rows(300).to_pandas()
    frame["band"] = pd.cut(frame["price"], [-9, 0, 9])
    request = ColumnRequest({"band": "dataset.features.band"}, {})
    texts = selected(frame, request)["band"].to_pylist()
    assert texts == frame["band"].map(str).to_list()
    slices = model.evaluate(frame, by="band").slices
    assert set(slices["slice"]) == {"(-9, 0]", "(0, 9]"}


def test_intervals_that_are_no_categories_are_read_as_text() -> None:
    band = pd.arrays.IntervalArray.from_tuples([np.nan, (0, 1)])
    frame = pd.DataFrame({"band": band, "empty": band[[0, 0]]})
    request = ColumnRequest(dict.fromkeys(frame, "dataset.features"), {})
    table = selected(frame, request)
    assert table["band"].to_pylist() == [None, "(0.0, 1.0]"]
    assert table["empty"].type == pa.null()


def test_named_index_is_a_column_that_no_column_has_the_name_of(model: Model) -> None:
    frame = rows(4).to_pandas()
    predictions = model.predict(frame)
    by_user = model.predict(frame.set_index("user"))
    assert by_user.index.to_list() == frame["user"].to_list()
    np.testing.assert_array_equal(by_user, predictions)
    other_index = frame.set_index(pd.Index([7] * 4, name="user"))
    np.testing.assert_array_equal(model.predict(other_index), predictions)


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("predict", {"set": "price=10"}, r"set: expected Mapping\[str, Any\], but got"),
        (
            "evaluate",
            {"by": None},
            r"by: expected str \| Sequence\[str\], but got None",
        ),
        ("evaluate", {"by": [1]}, "by: expected"),
        ("evaluate", {"importance": "false"}, "importance: expected bool, but got 'f"),
        ("evaluate", {"repeats": "3"}, r"repeats: expected int \| None, but got '3'"),
    ],
)
def test_argument_of_a_wrong_type_is_refused(
    method: str, arguments: dict[str, Any], message: str, model: Model
) -> None:
    with pytest.raises(mtl_cli.ConfigError, match=f"^{method}: {message}"):
        getattr(model, method)(rows(4), **arguments)


def test_missing_argument_is_told_as_by_python(model: Model) -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'table'"):
        model.predict()  # type: ignore[call-arg]


def test_evaluation_without_a_table_needs_validation_rows(model: Model) -> None:
    with pytest.raises(mtl_cli.DataError, match="has no validation rows; name a TABLE"):
        model.evaluate()


def test_numbers_of_numpy_are_arguments(model: Model) -> None:
    evaluation = model.evaluate(rows(40), importance=True, repeats=np.int64(2))
    json.dumps(evaluation.to_dict())


def test_frame_keeps_its_index(model: Model) -> None:
    frame = rows(4).to_pandas().set_index(pd.Index(list("abcd"), name="key"))
    assert model.predict(frame).index.equals(frame.index)


def test_loading_leaves_the_callers_process_as_it_was(run: mtl_cli.Run) -> None:
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float16")
    environment = dict(os.environ)
    random.seed(7)
    np.random.seed(7)
    try:
        mtl_cli.load(run.folder).predict(rows(9))
        assert keras.config.dtype_policy().name == "float64"
        assert keras.config.floatx() == "float16"
        assert dict(os.environ) == environment
        assert random.random() == random.Random(7).random()
        assert np.random.random() == np.random.RandomState(7).random()
        with unchanged_process():
            assert keras.config.floatx() == "float32"
    finally:
        keras.config.set_dtype_policy("float32")
        keras.config.set_floatx("float32")


def test_environment_is_never_empty_for_another_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEPT", "old")
    ended, num_missing = threading.Event(), 0

    def watch() -> None:
        nonlocal num_missing
        while not ended.is_set():
            num_missing += "KEPT" not in os.environ

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        for _ in range(300):
            with unchanged_process():
                os.environ.update(KEPT="new", ADDED="x")
    finally:
        ended.set()
        thread.join()
    assert num_missing == 0
    assert (os.environ["KEPT"], "ADDED" in os.environ) == ("old", False)


def test_threads_load_models_at_once(run: mtl_cli.Run) -> None:
    table = rows(100, seed=1)
    add_weight = keras.layers.Layer.add_weight
    with ThreadPoolExecutor(8) as executor:
        tables = list(executor.map(lambda _: mtl_cli.load(run).predict(table), [0] * 8))
    for predicted in tables:
        pd.testing.assert_frame_equal(predicted, expected(run), check_exact=True)
    assert keras.layers.Layer.add_weight is add_weight


@pytest.mark.slow
def test_many_models_predict_without_warnings_of_tensorflow(
    run: mtl_cli.Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", logger="tensorflow")
    for _ in range(6):
        mtl_cli.load(run).predict(rows(9))
    assert not caplog.messages


def test_forked_process_says_that_tensorflow_does_not_work(
    run: mtl_cli.Run, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    calls: list[Callable[[], object]] = [
        lambda: model.predict(rows(9)),
        lambda: model.evaluate(rows(9)),
        lambda: model.export("model"),
        lambda: mtl_cli.load(run),
    ]
    for call in calls:
        with pytest.raises(mtl_cli.ConfigError, match=r"forked .* or start .* 'spawn'"):
            call()


def test_graph_in_the_making_is_refused(run: mtl_cli.Run, model: Model) -> None:
    with tf.Graph().as_default():
        for call in (lambda: mtl_cli.load(run), lambda: model.predict(rows(9))):
            with pytest.raises(mtl_cli.ConfigError, match=r"outside of tf\.Graph and"):
                call()


@pytest.mark.slow
def test_export_logs_nothing_of_tensorflow(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="tensorflow")
    model.export(tmp_path / "model")
    assert not caplog.messages
    assert tf.get_logger().level == logging.INFO


def test_log_levels_are_those_of_the_caller_again() -> None:
    logger, absl_level = tf.get_logger(), absl.logging.get_verbosity()
    level = logger.level
    with unchanged_settings():
        absl.logging.set_verbosity(absl.logging.FATAL)
        logger.setLevel(logging.CRITICAL)
    assert absl.logging.get_verbosity() == absl_level != absl.logging.FATAL
    assert logger.level == level != logging.CRITICAL


def test_pickled_model_is_loaded_again_with_its_plugins(
    run: mtl_cli.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "_folders", ())
    (tmp_path / "conf").mkdir()
    monkeypatch.chdir(run.folder.parent)
    model = mtl_cli.load("run", plugins=tmp_path)
    model.predict(rows(9))
    monkeypatch.chdir(tmp_path)
    plugins.use_folders([])
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        predicted = again.predict(rows(100, seed=1))
        pd.testing.assert_frame_equal(predicted, expected(run), check_exact=True)
        assert plugins.used_folders() == [str(tmp_path)]


LOADS_AT_ONCE = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
import mtl_cli
before = os.fstat(2)
with ThreadPoolExecutor(8) as executor:
    list(executor.map(mtl_cli.load, [sys.argv[1]] * 8))
assert os.path.samestat(os.fstat(2), before)
import keras
assert keras.layers.Layer.add_weight.__qualname__ == "Layer.add_weight"
assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
"""


@pytest.mark.slow
def test_threads_load_their_first_models_at_once(
    run: mtl_cli.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    command = [sys.executable, "-c", LOADS_AT_ONCE, run.folder]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_warning_of_another_thread_is_no_damage_of_a_model(
    run: mtl_cli.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_weights = keras.Model.load_weights

    def load_during_warning(model: keras.Model, path: Path) -> None:
        warnings.warn("of another thread", UserWarning, stacklevel=1)
        load_weights(model, path)

    monkeypatch.setattr(keras.Model, "load_weights", load_during_warning)
    with pytest.warns(UserWarning, match="of another thread"):
        mtl_cli.load(run)


USE_OF_KERAS = """
import logging, random, sys
import numpy as np
import mtl_cli
random.seed(7)
np.random.seed(7)
mtl_cli.load(sys.argv[1])
assert random.random() == random.Random(7).random()
assert np.random.random() == np.random.RandomState(7).random()
import keras
keras.wrappers.SKLearnClassifier(lambda x, y: None)
assert logging.getLogger("tensorflow").level == logging.NOTSET
"""


@pytest.mark.slow
@pytest.mark.parametrize("redirection", ["", "2>&-"], ids=["stderr", "no stderr"])
def test_keras_is_whole_and_random_states_stay_after_loading(
    redirection: str, run: mtl_cli.Run
) -> None:
    command = (
        f"exec '{sys.executable}' -c '{USE_OF_KERAS}' '{run.folder}' {redirection}"
    )
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


TWO_FRAMES = [pd.DataFrame({"user": [1, 2]})] * 2


@pytest.mark.parametrize("table", [7, {"user": [1]}, TWO_FRAMES])
def test_evaluation_of_what_is_no_table_is_refused(
    run: mtl_cli.Run, table: Any
) -> None:
    expected_table = "expected a pandas DataFrame, an Ar"
    with pytest.raises(mtl_cli.DataError, match=expected_table) as failed:
        mtl_cli.load(run).evaluate(table)
    assert "\n" not in str(failed.value)


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(mtl_cli.DataError, match="holds no complete model"):
        mtl_cli.load(tmp_path)
    (tmp_path / "train.py").touch()
    with pytest.raises(mtl_cli.DataError, match=r"train.py is not a folder; name the"):
        mtl_cli.load(tmp_path / "train.py")


@pytest.mark.parametrize("folder", [None, 7, "a\0b"])
def test_run_of_what_is_no_path_is_refused_in_one_line(folder: Any) -> None:
    with pytest.raises(mtl_cli.ConfigError, match=r"^Run: folder: expected the path"):
        mtl_cli.Run(folder)


def test_run_reads_what_its_folder_holds(run: mtl_cli.Run) -> None:
    assert run.metrics == json.loads((run.folder / "metrics.json").read_text())
    assert run.history["epoch"].tolist() == [1, 2]
    assert run.predictions["row"].tolist() == list(range(1, 101))
    assert run == mtl_cli.Run(os.path.relpath(run.folder))


def test_runs_of_one_folder_are_equal(tmp_path: Path) -> None:
    assert len({mtl_cli.Run(tmp_path), mtl_cli.Run(tmp_path, True)}) == 1


def test_missing_and_damaged_files_of_a_run_are_told(tmp_path: Path) -> None:
    run = mtl_cli.Run(tmp_path)
    with pytest.raises(mtl_cli.DataError, match=r"predictions.parquet: no such file"):
        _ = run.predictions
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(mtl_cli.DataError, match=r"metrics.json is damaged"):
        _ = run.metrics
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(mtl_cli.DataError, match=r"config.yaml is damaged: while pars"):
        _ = run.config
