"""What a run's report says of weak slices and of features, and what that costs."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from helpers import networks
from helpers.planted_data import declared, loaded, outputs, parquet, run_in, values

from mtl_cli.config.run_config import Config
from mtl_cli.runs import diagnosis
from mtl_cli.runs.diagnosis import diagnose

ROWS = 2000
FEATURES: dict[str, Any] = {
    "city": {"kind": "sparse"},
    "shop": {"kind": "sparse"},
    "x": {"kind": "dense", "transform": "none"},
}
TASKS: dict[str, Any] = {
    "buy": {"label": "buy", "kind": "binary"},
    "seconds": {"label": "seconds", "kind": "regression", "metrics": ["rmse"]},
}


def table() -> pa.Table:
    """Rows whose label follows from x, but in city c not at all."""
    random = np.random.default_rng(0)
    x = random.normal(size=ROWS)
    city = random.choice(["a", "b", "c"], ROWS)
    noise = random.normal(size=ROWS)
    return pa.table(
        {
            "city": city,
            "shop": random.choice(["s", "t"], ROWS),
            "x": x,
            "buy": np.where(city == "c", noise > 0, x + noise / 2 > 0).astype(int),
            "seconds": x + noise,
        }
    )


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A trained run whose network predicts the labels from x."""
    path = parquet(tmp_path_factory.mktemp("planted"), table())
    data = loaded(path, FEATURES, TASKS, valid_fraction=0.5)

    def predict(rows: Any) -> dict[str, Any]:
        x = rows.features["dense"][:, 0].astype("float64")
        return {"buy": 1 / (1 + np.exp(-x)), "seconds": x}

    chosen = SimpleNamespace(outputs=outputs(declared("rows", FEATURES, TASKS)))
    return SimpleNamespace(
        config=chosen,
        data=data,
        network=SimpleNamespace(predict=predict),
        history=SimpleNamespace(epochs=[None] * 60),
    )


def diagnosis_of(run: Any) -> diagnosis.Diagnosis:
    predictions = {s: run.network.predict(t) for s, t in run.data.splits.items()}
    return diagnose(run, predictions, "train")


def test_weak_slice_and_telling_feature_are_found_on_validation_rows(
    planted: Any,
) -> None:
    found = diagnosis_of(planted)
    assert (found.split, found.rows) == ("valid", ROWS // 2)
    worst = found.slices["buy"][0]
    assert (worst["column"], worst["slice"]) == ("city", "c")
    assert worst["surely_weaker"] and worst["rows"] < ROWS / 4
    importance = {
        (r["features"], r["task"]): r["low"] for r in found.importances["features"]
    }
    assert importance["x", "buy"] > 0.1 and importance["x", "seconds"] > 0.1
    assert importance["city", "buy"] == 0
    # The error of rmse takes a bootstrap, for each slice.
    assert "seconds" not in found.slices
    assert found.remarks == ["slices of seconds, whose tests take long"]


def test_importance_predicts_a_share_of_the_rows_that_training_went_through(
    planted: Any,
) -> None:
    trained = ROWS / 2 * 60
    rows = diagnosis_of(planted).importances["rows"]
    share = rows * len(FEATURES) * diagnosis.REPEATS / trained
    assert 0.9 * diagnosis.PREDICTED_FRACTION < share <= diagnosis.PREDICTED_FRACTION


def test_importance_that_would_take_long_is_not_measured(planted: Any) -> None:
    short = SimpleNamespace(**vars(planted) | {"history": SimpleNamespace(epochs=[0])})
    found = diagnosis_of(short)
    assert found.importances == {}
    assert any(
        "importance of features, which would take long" in line
        for line in found.remarks
    )


def test_slices_are_tested_by_the_features_that_alone_tell_most(
    planted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "MAX_TESTS", 7)  # city has 3 slices, 2 tasks
    aucs = {n: r["auc"]["buy"] for n, r in planted.data.report["features"].items()}
    first, second = sorted(["city", "shop"], key=lambda name: -aucs[name])
    found = diagnosis_of(planted)
    assert {record["column"] for record in found.slices["buy"]} == {first}
    assert second != first
    assert any("slices by 1 of 2 features" in line for line in found.remarks)


@pytest.mark.slow
def test_page_card_and_gates_of_a_run_say_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "MIN_ROWS", 100)
    tasks = {"buy": TASKS["buy"], "same": TASKS["buy"]}
    rows = parquet(tmp_path, table())
    data = values(rows, FEATURES, tasks, valid_fraction=0.5, scenario="shop")
    settings = ["model=mmoe", "model.num_experts=2", "model.expert_units=[8]"]
    settings += ["trainer.epochs=30", "trainer.batch_size=200", "trainer.compile=false"]
    chosen = networks.config(*settings).model_dump()
    run_in(tmp_path / "run", Config.model_validate(chosen | {"dataset": data}))
    page = (tmp_path / "run" / "report.html").read_text()
    assert '<td class="text">city is c</td>' in page
    assert "<h2>Importance of features</h2>" in page
    card = (tmp_path / "run" / "model_card.md").read_text()
    assert "where city is c" in card.split("Known weaknesses")[1]
    gates = json.loads((tmp_path / "run" / "gates.json").read_text())
    assert {record["column"] for record in gates["slices"]} == {"shop"}  # the scenario
    assert sum(r["rows"] for r in gates["slices"]) == gates["rows"] == ROWS // 2
    assert "<summary>By shop</summary>" in page
