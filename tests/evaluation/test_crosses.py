"""`mtl-evaluate --crosses` finds the pair of columns that a model lacks."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.composition import composed
from helpers.planted_data import run_in, small_values, values

import mtl_cli
from mtl_cli.cli import evaluate
from mtl_cli.config.run_config import Config
from mtl_cli.evaluation.cross_section import cross_section
from mtl_cli.evaluation.crosses import CrossRecord

FEATURES: dict[str, Any] = {
    "user": {"kind": "sparse"},
    "shop name": {"kind": "sparse"},
    "town": {"kind": "sparse"},
    "hour": {"kind": "dense"},
    "day": {"kind": "sparse"},
    "price": {"kind": "dense"},
    "known": {"kind": "cross", "columns": ["user", "day"]},
}
TASKS: dict[str, Any] = {
    "click": {"label": "click", "kind": "binary"},
    "spent": {"label": "spent", "kind": "regression"},
    "buy": {"label": "buy", "kind": "binary", "space": "click"},
}
NUM_ROWS = 6_000


def planted_rows() -> pd.DataFrame:
    """Rows in which clicks follow from user and shop, and amounts from hour and day."""
    random = np.random.default_rng(0)
    user, shop, hour, day = random.integers(0, [20, 15, 24, 7], (NUM_ROWS, 4)).T
    affinity = random.normal(0, 3, (20, 15))[user, shop]
    habit = random.normal(0, 2, (24, 7))[hour, day]
    return pd.DataFrame(
        {
            "user": user,
            "shop name": [f"s{i}" for i in shop],
            "town": [f"t{i // 3}" for i in shop],  # the shop tells the town
            "hour": hour,
            "day": day,
            "price": random.normal(size=NUM_ROWS),
            "click": (affinity + random.logistic(size=NUM_ROWS) > 0).astype("int64"),
            "spent": habit + random.normal(size=NUM_ROWS),
            "buy": random.integers(0, 2, NUM_ROWS),
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crosses")
    planted_rows().to_parquet(folder / "rows.parquet")
    data = values(folder / "rows.parquet", FEATURES, TASKS, valid_fraction=0.3)
    chosen = small_values("trainer.epochs=1") | {"dataset": data}
    run_in(folder / "run", Config.model_validate(chosen), eager=True)
    return folder / "run"


def test_pairs_that_the_model_lacks_are_found(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "all.json"
    assert evaluate.main([str(run), "--crosses", "--json", str(target)]) == 0
    out = capsys.readouterr().out
    records = json.loads(target.read_text())["crosses"]
    pairs = {tuple(record["columns"]) for record in records}
    # `user` and `day` have a cross, and `price` is an amount.
    assert ("user", "day") not in pairs and ("shop name", "town") not in pairs
    assert not any("price" in pair for pair in pairs)
    assert len(pairs) == 8 and len(records) == 8 * len(TASKS)
    assert [r["z"] for r in records] == sorted((r["z"] for r in records), reverse=True)
    best = {r["task"]: r for r in reversed(records) if r["z"] >= 4}
    assert {task: tuple(r["columns"]) for task, r in best.items()} == {
        "click": ("user", "shop name"),
        "spent": ("hour", "day"),
    }
    assert best["click"]["combinations"] == 300
    assert best["click"]["p_corrected"] < 1e-6 and best["click"]["loss_change"] < -0.1

    section = out[out.index("Crosses") :]
    assert "8 pairs of columns tested" in section
    assert "user & shop name" in section and "hour & day" in section

    frame = mtl_cli.load(run).evaluate(crosses=True).crosses
    assert frame["z"].tolist() == [record["z"] for record in records]
    assert mtl_cli.load(run).evaluate().crosses.empty


def record(z: float, p_corrected: float, *columns: str) -> CrossRecord:
    return {
        "columns": [*columns],
        "task": "click",
        "combinations": 1234,
        "z": z,
        "p": 0.0,
        "p_corrected": p_corrected,
        "loss_change": -0.0123,
    }


def test_printed_setting_adds_the_first_pair() -> None:
    section = cross_section([record(9.0, 0.0, "user", "shop, name's")])
    (line,) = [line for line in section.lines if line.startswith("to add")]
    (setting,) = shlex.split(line.partition(": ")[2])
    assert setting.startswith("+dataset.features.user_x_shop__name_s=")
    (cells,) = section.tables
    assert cells[1] == ["user & shop, name's", "click", "9.0", "-1.23 %", "1,234"]
    features = composed(setting).dataset.features
    assert features["user_x_shop__name_s"] == {
        "kind": "cross",
        "columns": ["user", "shop, name's"],
        "min_count": 2,
    }


@pytest.mark.parametrize(
    ("columns", "name"),
    [(["1", "2"], "cross_1_x_2"), (["店", "user"], "_u5e97_x_user")],
)
def test_printed_setting_can_be_read_for_all_names(
    columns: list[str], name: str
) -> None:
    section = cross_section([record(9.0, 0.0, *columns)])
    (line,) = [line for line in section.lines if line.startswith("to add")]
    (setting,) = shlex.split(line.partition(": ")[2])
    assert composed(setting).dataset.features[name].columns == columns


@pytest.mark.parametrize(
    ("z", "p_corrected", "is_found"),
    [(4.0, 0.04, True), (3.9, 0.0, False), (9.0, 0.06, False)],
)
def test_pair_is_found_if_it_is_sure(
    z: float, p_corrected: float, is_found: bool
) -> None:
    section = cross_section([record(z, p_corrected, "a", "b")])
    assert bool(section.tables) == is_found
    assert section.lines[0] == (
        f"1 pair of columns tested; the highest z is {z:.1f}, of a & b"
    )


def test_long_list_is_cut_and_no_pair_is_said() -> None:
    section = cross_section([record(9.0, 0.0, "a", "b")] * 20)
    assert len(section.tables[0]) == 13 and "all 20 pairs" in section.lines[-1]
    assert cross_section([]).lines == [
        "no pair to test: a pair has two columns of ids, words or few whole numbers"
        ", and neither tells the other"
    ]
    assert not cross_section(None).lines
