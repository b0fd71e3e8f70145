"""Permutation importance: which columns are shuffled, and what an interval holds."""

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import declared, fitted_features, outputs
from scipy.stats import t

from mtl_cli.core.errors import ConfigError
from mtl_cli.data.table import Table
from mtl_cli.evaluation.evaluate import EvaluationRequest
from mtl_cli.scoring import importance as module
from mtl_cli.scoring.feature_groups import FeatureGroup
from mtl_cli.scoring.importance import (
    ShuffledRows,
    features_by_use,
    permutation_importance,
)
from mtl_cli.scoring.importance_records import add_corrected_p, importance_record

DENSE = {"kind": "dense", "transform": "none"}
FEATURES: dict[str, Any] = {
    "x": DENSE,
    "z": DENSE,
    "city": {"kind": "sparse"},
    "town": {"kind": "sparse"},
    "tags": {"kind": "sequence", "separator": "|", "max_length": 2},
}
TASKS: dict[str, Any] = {
    "y": {"label": "y", "kind": "binary"},
    "value": {"label": "value", "kind": "regression", "metrics": ["rmse"]},
}
ROWS = 500


@pytest.fixture(scope="module")
def planted() -> tuple[Any, Table, Any]:
    """Features, rows and outputs; `y` follows from x, `value` from z."""
    random = np.random.default_rng(0)
    x, z = random.normal(size=(2, ROWS))
    table = pa.table(
        {
            "x": x,
            "z": z,
            "city": [f"c{i}" for i in random.integers(0, 9, ROWS)],
            "town": [f"t{i}" for i in random.integers(0, 5, ROWS)],
            "tags": ["a|b" if i else "c" for i in random.integers(0, 2, ROWS)],
        }
    )
    dataset = declared("rows", FEATURES, TASKS)
    features = fitted_features(dataset.used_features, table)
    labels = {"y": (x + random.normal(size=ROWS) > 0) * 1.0, "value": z}
    weights = dict.fromkeys(TASKS, np.ones(ROWS, "float32"))
    return features, Table(features.encode(table), labels, weights), outputs(dataset)


@pytest.mark.parametrize("names", [*([name] for name in FEATURES), ["x", "city"]])
@pytest.mark.parametrize("rows_at_once", [1, 2 * ROWS])
def test_only_the_columns_of_the_features_are_shuffled(
    names: list[str], rows_at_once: int, planted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", rows_at_once)
    features, rows, _ = planted
    shuffled_rows = ShuffledRows(features, rows, repeats=3)
    # A network whose outputs are its inputs.
    network: Any = SimpleNamespace(predict=lambda rows: copy.deepcopy(rows.features))
    originals = list(shuffled_rows.predictions(network, []))
    shuffled = list(shuffled_rows.predictions(network, names))
    assert len(shuffled) == 3
    for order, inputs in zip(shuffled_rows.orders, shuffled, strict=True):
        for name in FEATURES:
            values = features.encoded_block(rows.features, name)
            expected = values[order] if name in names else values
            changed = features.encoded_block(inputs, name)
            np.testing.assert_array_equal(changed, expected)
        weights = rows.features["sequence_weights"]
        np.testing.assert_array_equal(
            inputs["sequence_weights"], weights[order] if "tags" in names else weights
        )
    np.testing.assert_equal(list(shuffled_rows.predictions(network, [])), originals)


def predicting(features: Any, city_slope: float = 0.0) -> Any:
    """A network: `y` is x and a little of city, `value` is z."""

    def predict(rows: Table) -> dict[str, Any]:
        x, z, city = (
            features.encoded_block(rows.features, name)[:, 0]
            for name in ("x", "z", "city")
        )
        logit = x + city_slope * city
        return {"y": 1 / (1 + np.exp(-logit)), "value": z.astype("float64")}

    return SimpleNamespace(predict=predict)


def test_used_and_unused_features_are_told_apart(planted: Any) -> None:
    features, rows, tasks = planted
    steps: list[tuple[str, int, int]] = []
    result = permutation_importance(
        predicting(features), features, tasks, rows, 5, lambda *step: steps.append(step)
    )
    found = {(r["features"], r["task"]): r for r in result["features"]}
    for (name, task), record in found.items():
        if (name, task) in (("x", "y"), ("z", "value")):
            assert record["low"] > 0.1
        else:  # exactly 0: the model does not look at the feature
            assert (record["low"], record["high"]) == (0, 0)
    assert result["only_one_task"] == {"x": "y", "z": "value"}
    assert result["without_effect"] == ["city", "town", "tags"]
    assert steps == [("shuffling", i + 1, 5) for i in range(5)]
    # An error grows: shuffled z is as far from z as two draws are, sqrt(2).
    assert found["z", "value"]["importance"] == pytest.approx(np.sqrt(2), rel=0.1)


@pytest.mark.slow
def test_interval_of_noise_holds_zero_in_95_percent(
    planted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model looks at city, which has nothing to do with the label."""
    features, rows, tasks = planted
    held = 0
    for seed in range(60):
        labels = rows.labels["y"]
        order = np.random.default_rng(1000 + seed).permutation(ROWS)
        shuffled = {key: np.array(x) for key, x in rows.features.items()}
        features.encoded_block(shuffled, "city")[:] = features.encoded_block(
            rows.features, "city"
        )[order]
        other = replace(rows, features=shuffled)
        monkeypatch.setattr(module, "SEED", seed)
        network = predicting(features, city_slope=0.1)
        result = permutation_importance(network, features, tasks[:1], other, 5)
        assert other.labels["y"] is labels
        record = next(r for r in result["features"] if r["features"] == "city")
        held += record["low"] <= 0 <= record["high"]
    assert held >= 52  # below in 1 % of the cases if the intervals are right


def test_interval_counts_the_rows_as_they_are_as_one_more_draw() -> None:
    drops = np.array([0.1, 0.2, 0.4])
    record = importance_record("y", ["x"], FeatureGroup(["x"], []), drops)
    reach = t.ppf(0.975, 2) * drops.std(ddof=1) * np.sqrt(1 + 1 / 3)
    assert record["importance"] == pytest.approx(drops.mean())
    assert record["high"] - record["importance"] == pytest.approx(reach)
    assert record["group"] is None
    group = FeatureGroup(["x", "x2"], ["copies"])
    assert importance_record("y", ["x"], group, drops)["group"] == "x + x2"
    assert importance_record("y", ["x", "x2"], group, drops)["group"] is None


def test_features_of_noise_are_not_shown_to_matter_however_many_they_are() -> None:
    random = np.random.default_rng(1)
    records = []
    for i in range(60):  # of noise: the scores are as good before as after a shuffling
        scores = random.normal(size=11)
        name, task = f"noise{i // 2}", f"task{i % 2}"
        group = FeatureGroup([name], [])
        records.append(importance_record(task, [name], group, scores[0] - scores[1:]))
    drops = 20 + random.normal(size=10)
    group = FeatureGroup(["x"], [])
    records += [importance_record(f"task{i}", ["x"], group, drops) for i in (0, 1)]
    records[-1]["importance"] *= -1  # a feature that a task is better without
    add_corrected_p(records)
    assert any(record["low"] > 0 for record in records[:60])
    found = features_by_use(records)
    assert found["only_one_task"] == {"x": "task0"}
    assert found["without_effect"] == [f"noise{i}" for i in range(30)]


def test_one_shuffling_has_no_interval() -> None:
    with pytest.raises(ConfigError, match="--repeats: 1 is too few"):
        EvaluationRequest(importance=True, repeats=1)


def test_members_of_groups_are_not_named_alone() -> None:
    records = [
        {"features": "a + b", "group": None, "importance": 0.1, "p_corrected": 0.01},
        {"features": "a", "group": "a + b", "importance": 0.1, "p_corrected": 0.2},
    ]
    for record in records:
        record["task"] = "y"
    assert features_by_use(records) == {"only_one_task": {}, "without_effect": []}


def test_prediction_that_is_infinite_after_a_shuffling_costs_no_result(
    planted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, rows, tasks = planted
    network = predicting(features)
    original = network.predict
    calls = 0

    def predict(table: Any) -> Any:
        nonlocal calls
        calls += 1
        predictions = original(table)
        if calls > 1:
            predictions = {k: np.full_like(x, np.inf) for k, x in predictions.items()}
        return predictions

    monkeypatch.setattr(network, "predict", predict)
    result = permutation_importance(network, features, tasks, rows, 3)
    assert result["features"] == []
