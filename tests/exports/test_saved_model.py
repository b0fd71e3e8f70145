"""An exported SavedModel takes raw columns and gives the numbers of `mtl-predict`."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers.every_kind import FEATURES, as_inputs, hard_rows, trained

import mtl_cli

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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("run"), FEATURES)


@pytest.fixture(scope="module")
def saved(run: Path) -> Path:
    model = run.parent / "model"
    mtl_cli.load(run).export(model)
    return model


def as_tensors(inputs: dict[str, list[object]]) -> dict[str, tf.Tensor]:
    numeric = ("price", "plain", "log", "rank", "range", "age in years", "pieces")
    return {
        column: tf.constant(
            cells,
            tf.float64 if column in (*numeric, "list_weights") else tf.string,
        )
        for column, cells in inputs.items()
    }


def test_saved_model_equals_the_model_on_hard_rows(run: Path, saved: Path) -> None:
    table = hard_rows(2000, 3)
    expected = mtl_cli.load(run).predict(table)
    score = tf.saved_model.load(str(saved)).signatures["serving_default"]
    columns = score(**as_tensors(as_inputs(table)))
    assert set(columns) == set(expected)
    for name, x in expected.items():
        scale = np.maximum(1, np.abs(x))
        assert np.max(np.abs(columns[name].numpy() - x) / scale) <= 1e-6
        assert x.nunique() > 100


@pytest.mark.parametrize("count", [1, 7])
def test_rows_are_scored_alike_in_batches_of_any_size(
    count: int, run: Path, saved: Path
) -> None:
    table = hard_rows(7, 4)
    expected = mtl_cli.load(run).predict(table)
    score = tf.saved_model.load(str(saved)).signatures["serving_default"]
    for start in range(0, 7, count):
        rows = table.slice(start, count)
        inputs = as_tensors(as_inputs(hard_rows(7, 4)))
        batch = {name: x[start : start + count] for name, x in inputs.items()}
        columns = score(**batch)
        for name, x in expected[start : start + rows.num_rows].items():
            np.testing.assert_allclose(columns[name], x, rtol=2e-6, atol=1e-6)


def test_row_that_mtl_predict_refuses_is_nan_and_the_others_are_not(
    saved: Path,
) -> None:
    inputs = as_inputs(hard_rows(5, 5))
    inputs["plain"][2] = float("nan")
    score = tf.saved_model.load(str(saved)).signatures["serving_default"]
    for x in score(**as_tensors(inputs)).values():
        assert np.isnan(x.numpy()).tolist() == [False, False, True, False, False]


def test_export_holds_test_rows_with_missing_unseen_and_huge_values(
    saved: Path,
) -> None:
    record = json.loads((saved / "export.json").read_text("utf-8"))
    assert record["outputs"] == [
        *("click", "buy", "seconds", "spent"),
        *("level.low", "level.high", "level.no"),
    ]
    users = record["rows"]["user"]
    assert len(users) == 64 and None in users and "zoë" in users
    assert any(u and u.isdigit() and int(u) > 2**53 for u in users)
    assert record["inputs"]["tags"] == record["inputs"]["whole"] == "text"
    assert record["inputs"]["list"] == "texts"


@pytest.mark.slow
def test_saved_model_needs_nothing_but_tensorflow(
    run: Path, saved: Path, tmp_path: Path
) -> None:
    table = hard_rows(300, 6)
    inputs = as_inputs(table)
    numeric = [c for c, x in as_tensors(inputs).items() if x.dtype == tf.float64]
    rows = {column: (column not in numeric, x) for column, x in inputs.items()}
    (tmp_path / "rows.json").write_text(json.dumps(rows), "utf-8")
    command = [sys.executable, "-P", "-c", ALONE, str(saved), f"{tmp_path}/rows.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = mtl_cli.load(run).predict(table)
    columns = json.loads(done.stdout)
    for name, x in expected.items():
        np.testing.assert_allclose(columns[name], x, rtol=1e-6, atol=1e-6)
