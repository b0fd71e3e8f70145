"""A kind of feature from outside the package costs one file and no other edit."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import (
    config,
    fitted_features,
    loaded,
    parquet,
    run_in,
    values,
)

from mtl_cli.columns.layout import Block
from mtl_cli.core import plugins
from mtl_cli.core.errors import ConfigError
from mtl_cli.data import column_request
from mtl_cli.exports.weights import describe_features
from mtl_cli.features.dense import Dense
from mtl_cli.runs import saved_model
from mtl_cli.tasks.binary import Binary

CYCLIC = """
import numpy as np
import pyarrow as pa

from mtl_cli.columns.fitters import SampleFitter
from mtl_cli.columns.layout import Block
from mtl_cli.columns.numeric import read_numbers
from mtl_cli.features.base import Feature


class Cyclic(Feature):
    period: float
    numeric = True

    def read(self, name, table):
        return read_numbers(name, table[name])

    def fitter(self, name):
        return SampleFitter(lambda table: self.read(name, table), self.fit)

    def fit(self, x):
        return {"first": float(x.min())}

    def encode(self, name, values, learnt):
        angle = 2 * np.pi * (values - learnt["first"]) / self.period
        return {"dense": np.stack([np.sin(angle), np.cos(angle)], axis=1)}

    def block(self, name, learnt):
        return Block("dense", 2)
"""
FEATURES = {
    "price": {"kind": "dense", "transform": "none"},
    "hour": {"kind": "cyclic", "period": 24.0},
    "user": {"kind": "sparse"},
    "age": {"kind": "dense", "transform": "none"},
}
TASKS = {"night": {"label": "night", "kind": "binary"}}


@pytest.fixture
def plugin(tmp_path):
    """The file of the kind `cyclic`, which this process knows as a plugin."""
    file = tmp_path / "mine" / "features" / "cyclic.py"
    file.parent.mkdir(parents=True)
    file.write_text(CYCLIC)
    plugins.use_folders([tmp_path / "mine"])
    yield file
    plugins.use_folders([])


def columns(rows=400):
    """Columns whose label depends on the distance of an hour from midnight."""
    random = np.random.default_rng(0)
    hour = random.integers(0, 24, rows)
    return {
        "user": random.integers(0, 5, rows),
        "price": random.normal(size=rows),
        "hour": hour,
        "age": random.normal(size=rows),
        "night": ((hour < 6) | (hour >= 18)).astype(int),
    }


def test_kind_of_a_plugin_fills_its_columns_of_the_network(plugin, tmp_path):
    rows = columns()
    data = loaded(parquet(tmp_path, rows), FEATURES, TASKS)
    assert data.features.learnt["hour"] == {"first": 0.0}
    layout = data.features.layout
    assert layout.blocks["hour"] == Block("dense", 2)
    assert [layout.columns[n] for n in ("price", "hour", "age")] == [
        slice(0, 1),
        slice(1, 3),
        slice(3, 4),
    ]
    angle = 2 * np.pi * rows["hour"] / 24
    dense = data.splits["train"].features["dense"]
    expected = np.stack([rows["price"], np.sin(angle), np.cos(angle), rows["age"]], 1)
    np.testing.assert_allclose(dense, expected, rtol=1e-6, atol=1e-6)
    described = data.report["features"]["hour"]
    assert described["kind"] == "cyclic"
    assert 0.5 < described["auc"]["night"] <= 1


def test_kind_that_fills_an_unknown_input_is_told_the_known_ones(plugin, tmp_path):
    plugin.write_text(CYCLIC.replace('"dense"', '"numbers"'))
    plugins.use_folders([])
    plugins.use_folders([tmp_path / "mine"])
    train = parquet(tmp_path, columns())
    with pytest.raises(ConfigError, match=r"features\.hour: .* input 'numbers', but"):
        loaded(train, FEATURES, TASKS)


def test_kind_that_fills_other_columns_than_its_block_is_refused(plugin, tmp_path):
    plugin.write_text(CYCLIC.replace('Block("dense", 2)', 'Block("dense", 3)'))
    plugins.use_folders([])
    plugins.use_folders([tmp_path / "mine"])
    train = parquet(tmp_path, columns(40))
    message = r"features\.hour: `encode` .* dense, returns \(40, 2\), not \(40, 3\)"
    with pytest.raises(ConfigError, match=message):
        loaded(train, FEATURES, TASKS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "np.sin(angle)",
            "np.sin(angle) * np.nan",
            "dense, returns a value that is not finite",
        ),
        (
            '{"dense": np.stack([np.sin(angle), np.cos(angle)], axis=1)}',
            '{"ids": values.astype("int32")[:, None]}',
            "ids, returns ids from 0 to 23, but its table has the ids 0 to 9",
        ),
    ],
    ids=["nan", "ids"],
)
def test_values_that_a_network_cannot_read_are_refused(
    plugin, tmp_path, old, new, message
):
    text = CYCLIC.replace(old, new)
    if "ids" in new:
        text = text.replace('Block("dense", 2)', 'Block("ids", table=name)')
        text += "\n    def embedding_table(self, learnt):\n"
        text += "        from mtl_cli.columns.layout import EmbeddingTable\n"
        text += "        return EmbeddingTable(10)\n"
    plugin.write_text(text)
    plugins.use_folders([tmp_path / "mine"])
    train = parquet(tmp_path, columns())
    with pytest.raises(ConfigError, match=rf"features\.hour: `encode` .* {message}"):
        loaded(train, FEATURES, TASKS)


def test_labels_of_another_shape_are_refused(monkeypatch, plugin, tmp_path):
    monkeypatch.setattr(Binary, "read_labels", lambda *_: np.zeros((40, 1)))
    train = parquet(tmp_path, columns(40))
    message = r"tasks\.night: `read_labels` .* returns \(40, 1\), not \(40,\)"
    with pytest.raises(ConfigError, match=message):
        loaded(train, FEATURES, TASKS)


def test_kind_of_a_plugin_trains_and_is_saved(plugin, tmp_path):
    path = parquet(tmp_path, columns())
    keys = values(path, FEATURES, TASKS, valid_fraction=0.25)
    chosen = config(keys, "trainer.epochs=30")
    scores = run_in(tmp_path / "run", chosen)
    # The cosine of the hour's angle alone tells night from day.
    assert scores["valid"]["night"]["auc"] > 0.99
    learnt = json.loads((tmp_path / "run" / saved_model.LEARNT).read_text())
    assert learnt["features"]["hour"] == {"first": 0.0}
    again = saved_model.load(tmp_path / "run").features
    data = loaded(**chosen.dataset.model_dump())
    assert again.layout == data.features.layout


def test_inherited_text_of_numbers_is_no_description_of_another_encoding():
    class Squared(Dense):
        def encode(self, name, values, learnt):
            return super().encode(name, values**2, learnt)

    features = fitted_features(
        {"a": Squared(kind="squared"), "b": Dense(kind="dense")},
        pa.table({"a": [1.0, 2.0], "b": [1.0, 2.0]}),
    )
    described = describe_features(SimpleNamespace(features=features))
    assert described["a"]["numbers"] is None
    assert described["b"]["numbers"].startswith("(x - mean) / deviation")


def test_column_of_a_numeric_kind_is_read_as_numbers_from_text(plugin, tmp_path):
    chosen = config(values("rows.csv", FEATURES, TASKS)).dataset
    types = column_request.feature_request(chosen).types
    assert (types["hour"], types["user"]) == (pa.float64(), pa.string())
