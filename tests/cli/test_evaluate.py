"""`mtl-evaluate`: the metrics of the run, with intervals, slices, drift, importance."""

import hashlib
import io
import json
import math
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml
from helpers.planted_data import run_in, small_values, values
from helpers.signal_handlers import own_signal_handlers
from scipy.stats import t

import mtl_cli
from mtl_cli.cli import evaluate
from mtl_cli.comparison.configurations import group_runs
from mtl_cli.comparison.find_runs import read_runs
from mtl_cli.comparison.read_predictions import read_all_replicates
from mtl_cli.comparison.read_run import read_run
from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError
from mtl_cli.evaluation import blocks, open_table
from mtl_cli.evaluation.evaluate import evaluate as evaluate_table
from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.features.calendar import Calendar
from mtl_cli.runs import saved_model
from mtl_cli.statistics import sampling_error
from mtl_cli.statistics.delong import auc_influence

FEATURES: dict[str, Any] = {
    "user": {"kind": "sparse"},
    "price": {"kind": "dense", "transform": "standard"},
    "price_cents": {"kind": "dense", "transform": "standard"},
    "taste": {"kind": "dense", "transform": "standard"},
    "noise": {"kind": "dense", "transform": "standard", "missing": "mean"},
    "tags": {"kind": "sequence", "separator": "|", "max_length": 3},
}
TASKS: dict[str, Any] = {
    "click": {"label": "click", "kind": "binary", "truth": "true_click"},
    "buy": {"label": "buy", "kind": "binary", "space": "click"},
    "spent": {"label": "spent", "kind": "regression"},
    "level": {"label": "level", "kind": "multiclass", "classes": ["low", "high"]},
}
LABELS = ["click", "buy", "spent", "level"]


def rows(count: int, seed: int) -> pa.Table:
    """Rows in which `price` decides clicks, `taste` all else, and `noise` nothing.

    A third of the buys, and a tenth of the noise, are missing.
    """
    chance = np.random.default_rng(seed)
    price, taste = chance.normal(size=(2, count))
    true_click = 1 / (1 + np.exp(-3 * price))
    click = chance.random(count) < true_click
    buy = click & (taste + chance.normal(size=count) / 2 > 0)
    return pa.table(
        {
            "user": [f"u{i}" for i in chance.integers(0, 30, count)],
            "price": price,
            "price_cents": price * 100 + chance.normal(size=count),
            "taste": taste,
            "noise": [None if x > 1.3 else x for x in chance.normal(size=count)],
            "tags": ["a|b" if x > 0 else "c" for x in chance.normal(size=count)],
            "city": np.where(chance.random(count) < 0.3, "Rome", "Oslo"),
            "importance_weight": chance.integers(0, 3, count).astype("float64"),
            "true_click": true_click,
            "click": click.astype(int),
            "buy": [
                None if x < 0.3 else int(b)
                for x, b in zip(chance.random(count), buy, strict=True)
            ],
            "spent": taste * 10 + chance.normal(size=count),
            "level": np.where(taste + chance.normal(size=count) / 4 > 0, "low", "high"),
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with validation rows, beside the file of its test rows."""
    folder = tmp_path_factory.mktemp("run")
    for seed, (name, count) in enumerate({"train": 3000, "test": 1500}.items()):
        pyarrow.parquet.write_table(rows(count, seed), folder / f"{name}.parquet")
    data = values(
        folder / "train.parquet",
        FEATURES,
        TASKS,
        test=str(folder / "test.parquet"),
        valid_fraction=0.3,
        weight_column="importance_weight",
        group_column="user",
    )
    small = small_values("trainer.epochs=6")
    model = {k: v for k, v in small["model"].items() if k != "bottom_units"}
    model |= {"name": "mmoe", "num_experts": 2, "expert_units": [8], "gate_units": []}
    chosen = Config.model_validate(small | {"dataset": data, "model": model})
    run_in(folder / "run", chosen)
    return folder / "run"


@pytest.fixture(autouse=True, scope="module")
def few_resamples() -> Iterator[None]:
    """Takes 20 bootstrap samples: they say little, but take no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling_error, "RESAMPLES", 20)
        patch.setattr(sampling_error, "MIN_DEFINED", 10)
        yield


def evaluated(*arguments: object) -> int:
    return evaluate.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def result(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All numbers of the run's test rows."""
    folder = tmp_path_factory.mktemp("result")
    test, target = run.parent / "test.parquet", folder / "all.json"
    page = folder / "all.html"
    by = ["--by", "city,noise,user", "--importance"]
    assert evaluated(run, test, *by, "--json", target, "--html", page) == 0
    numbers: dict[str, Any] = json.loads(target.read_text())
    return numbers | {"page": page.read_text()}


def test_metrics_are_those_of_the_run_to_the_last_digit(
    run: Path, result: dict[str, Any]
) -> None:
    own = json.loads((run / "metrics.json").read_text())["test"]
    assert list(result["tasks"]) == LABELS
    for task, evaluation in result["tasks"].items():
        values = {
            name: metric["value"] for name, metric in evaluation["metrics"].items()
        }
        counts = {
            k: evaluation[k]
            for k in ("rows", "positives", "groups", "space")
            if k in evaluation
        }
        gauc = values.pop("gauc", None)  # groups are summed in another order
        assert gauc == (gauc and pytest.approx(own[task].pop("gauc"), rel=1e-12))
        assert own[task] == values | counts, task
    assert own["click"]["truth_rmse"] and "gauc" in result["tasks"]["click"]["metrics"]


def test_predictions_hold_the_weights_and_groups_of_which_mtl_compare_makes_metrics(
    run: Path, tmp_path: Path
) -> None:
    frame = pd.read_parquet(run / "predictions.parquet")
    weights = pd.read_parquet(run.parent / "test.parquet")["importance_weight"]
    assert frame["click_row_weight"].eq(weights).all()
    is_scored = frame["buy"].notna() & (frame["click"] == 1)
    assert frame["buy_row_weight"].eq(weights.where(is_scored, 0)).all()
    done = shutil.copytree(run, tmp_path / "run")
    status = {"status": "done", "start": "2026-11-26", "seconds": 1.0}
    (done / "status.json").write_text(json.dumps(status))
    (done / "config.yaml").write_text(yaml.safe_dump({"dataset": {"tasks": TASKS}}))
    (configuration,) = group_runs([read_run(done)])
    users = pd.read_parquet(run.parent / "test.parquet")["user"]
    assert frame["group"].groupby(users).nunique().eq(1).all()
    assert frame["group"].nunique() == users.nunique()
    metrics = {"click": "auc", "buy": "auc", "level": "macro_auc"}
    for task, metric in (*metrics.items(), ("click", "gauc"), ("buy", "gauc")):
        # The reader checks that the predictions give the metric of `metrics.json`.
        predictions = read_all_replicates(configuration, task, metric, {})
        assert len(predictions.rows.label) < 1500


def test_every_metric_has_an_interval_around_it(result: dict[str, Any]) -> None:
    for task in result["tasks"].values():
        for name, metric in task["metrics"].items():
            assert metric["low"] < metric["high"], name
            if name != "ece":  # its bias is taken off
                assert metric["low"] < metric["value"] < metric["high"], name


def test_intervals_count_rows_of_a_user_as_dependent(
    run: Path, result: dict[str, Any]
) -> None:
    frame = pd.read_parquet(run / "predictions.parquet")
    frame = frame[frame["click_row_weight"] > 0]
    names = ["click", "click_prediction", "click_row_weight"]
    value, influence = auc_influence(*(frame[n].to_numpy("float64") for n in names))
    sums = np.bincount(frame["group"].to_numpy("int64"), influence)  # 30 users
    error = np.sqrt(30 / 29 * np.sum(sums**2)) / (value * (1 - value))
    metrics = result["tasks"]["click"]["metrics"]
    ends = np.array([metrics["auc"]["low"], metrics["auc"]["high"]])
    half_width = t.ppf(0.975, 29) * error
    expected = np.log(value / (1 - value)) + half_width * np.array([-1, 1])
    assert np.log(ends / (1 - ends)) == pytest.approx(expected, rel=1e-4)


def test_table_read_in_pieces_gives_the_same(
    run: Path, result: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtl_cli.data.sources.CHUNK_ROWS", 400)
    frame = pd.read_parquet(run.parent / "test.parquet")
    frame.to_csv(tmp_path / "test.csv", index=False)
    assert evaluated(run, tmp_path / "test.csv", "--json", tmp_path / "o.json") == 0
    other = json.loads((tmp_path / "o.json").read_text())
    for task in LABELS:
        for name, metric in result["tasks"][task]["metrics"].items():
            again = other["tasks"][task]["metrics"][name]["value"]
            assert again == pytest.approx(metric["value"], rel=1e-5), (task, name)


@pytest.mark.slow
def test_several_files_are_one_table(
    run: Path, result: dict[str, Any], tmp_path: Path
) -> None:
    frame = pd.read_parquet(run.parent / "test.parquet")
    parts = [tmp_path / f"{name}.csv" for name in ("b", "a")]
    frame[:300].to_csv(parts[0], index=False)
    frame[300:].to_csv(parts[1], index=False)
    # TABLE may stand behind an option.
    assert evaluated(run, "--json", tmp_path / "o.json", *parts) == 0
    evaluation = mtl_cli.load(run).evaluate([str(part) for part in parts])
    files = json.loads((tmp_path / "o.json").read_text())
    assert files["rows"] == evaluation.rows == len(frame)
    for task in LABELS:
        for name, metric in result["tasks"][task]["metrics"].items():
            value = pytest.approx(metric["value"], rel=1e-5)
            assert files["tasks"][task]["metrics"][name]["value"] == value
            assert evaluation.tasks[task]["metrics"][name]["value"] == value


def test_slices_hold_each_row_once_and_have_its_metrics(
    run: Path, result: dict[str, Any]
) -> None:
    frame = pd.read_parquet(run.parent / "test.parquet")
    predictions = pd.read_parquet(run / "predictions.parquet")
    slices = {(r["column"], r["slice"], r["task"]): r for r in result["slices"]}
    counted = frame["importance_weight"] > 0
    for city in ("Rome", "Oslo"):
        inside = (frame["city"] == city) & counted
        record = slices["city", city, "spent"]
        error = (predictions["spent_prediction"] - frame["spent"])[inside]
        weight = frame["importance_weight"][inside]
        rmse = np.sqrt(np.average(error**2, weights=weight))
        assert record["rows"] == inside.sum()
        assert record["metrics"]["rmse"] == pytest.approx(rmse, rel=1e-6)
        assert (
            slices["city", city, "click"]["positives"] == frame["click"][inside].sum()
        )
    of_noise = [r for r in result["slices"] if r["column"] == "noise"]
    names = [r["slice"] for r in of_noise if r["task"] == "spent"]
    assert len(names) == 6 and names[-1] == "(empty)"
    assert sum(r["rows"] for r in of_noise if r["task"] == "spent") == counted.sum()
    # 30 users with about 50 rows each are too small, one by one.
    assert {r["slice"] for r in result["slices"] if r["column"] == "user"} == {
        "(other)"
    }


def test_importance_finds_who_uses_what(result: dict[str, Any]) -> None:
    importance = result["importance"]
    (group,) = importance["groups"]
    assert group["features"] == ["price", "price_cents"]
    assert "nearly copies" in group["reasons"][0]
    found = {(r["features"], r["task"]): r for r in importance["features"]}
    copies = "price + price_cents"
    assert found[copies, "click"]["low"] > 0.1
    assert found[copies, "click"]["importance"] > found["price", "click"]["importance"]
    for task in ("buy", "spent", "level"):
        assert found["taste", task]["low"] > found[copies, task]["importance"]
    assert importance["only_one_task"].get(copies) == "click"
    assert "noise" in importance["without_effect"]


def test_gates_are_measured_by_slice(result: dict[str, Any]) -> None:
    gates = result["gates"]
    assert {gate["task"] for gate in gates["gates"]} == set(LABELS)
    rome = next(s for s in gates["slices"] if s["slice"] == "Rome")
    oslo = next(s for s in gates["slices"] if s["slice"] == "Oslo")
    assert rome["rows"] + oslo["rows"] == gates["rows"] == 1500


def test_page_is_well_formed_and_holds_the_numbers(result: dict[str, Any]) -> None:
    page = result["page"]
    HTMLParser().feed(page)
    auc = result["tasks"]["click"]["metrics"]["auc"]["value"]
    for text in (f"{auc:.4f}", "By city", "Weakest slices", "Calibration", "Gates"):
        assert text in page, text
    assert '<td class="text">buy (click = 1)</td>' in page
    assert "<h3>buy (click = 1)</h3>" in page
    assert "buy (click = 1) auc by city" in page


def test_drift_is_of_moved_features_alone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_parquet(run.parent / "test.parquet")
    frame["taste"] += 1
    frame.loc[:299, "user"] = "new"
    frame.loc[:149, "tags"] = "c|new|new"
    frame.to_parquet(tmp_path / "moved.parquet")
    assert (
        evaluated(run, tmp_path / "moved.parquet", "--json", tmp_path / "o.json") == 0
    )
    drift = json.loads((tmp_path / "o.json").read_text())["drift"]
    features = {r["name"]: r for r in drift if r["kind"] == "feature"}
    predictions = {r["name"]: r for r in drift if r["kind"] == "prediction"}
    moved = {name for name, record in features.items() if record["psi"] > 0.25}
    assert moved == {"taste", "tags", "user"}
    assert features["user"]["unseen"] == 0.2
    values = frame["tags"].str.split("|").str.len().sum()
    assert features["tags"]["unseen"] == 300 / values
    assert features["noise"]["missing"] == pytest.approx(0.1, abs=0.03)
    assert {"level.low", "level.high"} < predictions.keys()
    assert predictions["spent"]["psi"] > 0.25 > predictions["click"]["psi"]
    out = capsys.readouterr().out
    assert "features with a PSI of 0.1 or more" in out and ": 3 of 6" in out
    assert re.search(r" user +\d\.\d+ +0\.0% +0\.0% +20\.0% +0\.0%", out)


def test_validation_rows_are_those_of_the_run(run: Path, tmp_path: Path) -> None:
    assert evaluated(run, "--json", tmp_path / "o.json") == 0
    tasks = json.loads((tmp_path / "o.json").read_text())["tasks"]
    own = json.loads((run / "metrics.json").read_text())["valid"]
    for task in LABELS:
        for name, metric in tasks[task]["metrics"].items():
            assert metric["value"] == own[task][name]


@pytest.mark.slow
def test_validation_rows_of_a_run_that_started_from_another_are_evaluated(
    run: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "first")
    (tmp_path / "first" / "status.json").write_text('{"status": "done"}')
    first = saved_model.load(run).config
    start = first.start_from.model_copy(update={"run": str(tmp_path / "first")})
    pyarrow.parquet.write_table(rows(500, 7), tmp_path / "more.parquet")
    train = {"train": str(tmp_path / "more.parquet")}
    dataset = first.dataset.model_copy(update=train)
    later = first.model_copy(update={"start_from": start, "dataset": dataset})
    run_in(tmp_path / "later", later)
    assert evaluated(tmp_path / "later", "--json", tmp_path / "o.json") == 0
    tasks = json.loads((tmp_path / "o.json").read_text())["tasks"]
    own = json.loads((tmp_path / "later" / "metrics.json").read_text())["valid"]
    for task in LABELS:
        for name, metric in tasks[task]["metrics"].items():
            assert metric["value"] == own[task][name]


def test_task_without_its_column_is_skipped_and_said(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_parquet(run.parent / "test.parquet")
    frame.drop(columns=["click", "level", "true_click"]).to_parquet(
        tmp_path / "few.parquet"
    )
    assert evaluated(run, tmp_path / "few.parquet", "--json", tmp_path / "o.json") == 0
    tasks = json.loads((tmp_path / "o.json").read_text())["tasks"]
    assert list(tasks) == ["spent"]
    out = capsys.readouterr().out
    for task, column in {"click": "click", "buy": "click", "level": "level"}.items():
        assert f"{task} is not evaluated" in out and f"no column '{column}'" in out


def test_rows_of_an_unknown_class_count_as_rows_without_a_label_and_are_said(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # One such row stopped the evaluation of all tasks.
    frame = pd.read_parquet(run.parent / "test.parquet")
    tasks = []
    for label in ("top", None):
        frame.loc[5:24, "level"] = label
        frame.to_parquet(tmp_path / "rows.parquet")
        checks = ["--fail-if", "click.auc<0.2", "--json", "-"]
        assert evaluated(run, tmp_path / "rows.parquet", *checks) == 0
        written = json.loads(capsys.readouterr().out)
        tasks.append(written["tasks"])
        remarks = [
            line for line in written["remarks"] if line.startswith("20 of 1,500")
        ]
        assert len(remarks) == (1 if label else 0)
        assert all("a label such as 'top'" in line for line in remarks)
        assert all("left out of level's metrics" in line for line in remarks)
    assert tasks[0] == tasks[1]


@pytest.mark.parametrize("num_unknown", [0, 20])
def test_labels_of_bytes_are_evaluated(
    run: Path, tmp_path: Path, num_unknown: int
) -> None:
    # Arrow can neither filter nor replace views of bytes.
    table = pyarrow.parquet.read_table(run.parent / "test.parquet")
    labels = [b"top"] * num_unknown + table["level"].to_pylist()[num_unknown:]
    table = table.drop("level").append_column("level", pa.array(labels, "binary_view"))
    with pa.ipc.new_file(tmp_path / "rows.arrow", table.schema) as writer:
        writer.write_table(table)
    out = tmp_path / "o.json"
    assert evaluated(run, tmp_path / "rows.arrow", "--json", out) == 0
    assert json.loads(out.read_text())["tasks"]["level"]["rows"] > 0


def test_table_whose_labels_are_all_unknown_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The metrics without a value were only a remark.
    frame = pd.read_parquet(run.parent / "test.parquet")
    frame["level"] = frame["level"].str.title()
    frame.loc[0, "level"] = None
    frame.to_parquet(tmp_path / "rows.parquet")
    assert evaluated(run, tmp_path / "rows.parquet") == 2
    message = capsys.readouterr().err
    assert "dataset.tasks.level: " in message and "such as 'Low'" in message


def test_remarks_on_a_page_hold_no_password_of_the_table(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://bob:hunter22@shop/few.parquet"
    monkeypatch.setattr(open_table, "location_name", lambda location: url)
    frame = pd.read_parquet(run.parent / "test.parquet").drop(columns=["level"])
    frame.to_parquet(tmp_path / "few.parquet")
    page = tmp_path / "page.html"
    assert evaluated(run, tmp_path / "few.parquet", "--html", page) == 0
    assert "shop/few.parquet has no column" in page.read_text("utf-8")
    assert "hunter22" not in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        pytest.param("click.auc<.2", 0, marks=pytest.mark.slow),
        ("click.auc < 0.999", 1),
        ("spent.rows>3", 2),
        ("features.taste.psi>0.2", 0),
        ("predictions.spent.psi>=0", 1),
        pytest.param("predictions.level.low.psi>=0", 1, marks=pytest.mark.slow),
        pytest.param("click.truth_rmse<0", 0, marks=pytest.mark.slow),
        pytest.param("click.acu<1", 2, marks=pytest.mark.slow),
        pytest.param("click", 2, marks=pytest.mark.slow),
    ],
)
def test_fail_if_checks_metrics_and_drift(
    condition: str, code: int, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = run.parent / "test.parquet"
    assert evaluated(run, test, "--fail-if", condition) == code
    assert capsys.readouterr().err.count("mtl-evaluate: error: --fail-if") == bool(code)


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        pytest.param("click.slices.city.Rome.auc<0.2", 0, marks=pytest.mark.slow),
        ("click.slices.city.Rome.auc<0.999", 1),
        pytest.param("spent.slices.noise.(empty).rmse>0", 1, marks=pytest.mark.slow),
        ("click.slices.city.Roma.auc<0.2", 2),
    ],
)
def test_fail_if_checks_slices(
    condition: str, code: int, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = run.parent / "test.parquet"
    checked = ["--by", "city,noise", "--fail-if", condition]
    assert evaluated(run, test, *checked) == code
    error = capsys.readouterr().err
    assert ("did you mean click.slices.city.Rome.auc?" in error) == (code == 2)


def test_unknown_slice_does_not_hide_that_another_condition_holds(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = ["--fail-if", "click.slices.city.Roma.auc<0.2"]
    checks = [*unknown, "--fail-if", "click.slices.city.Rome.auc<0.999"]
    assert evaluated(run, run.parent / "test.parquet", "--by", "city", *checks) == 2
    failed, refused = capsys.readouterr().err.splitlines()
    assert "--fail-if 'click.slices.city.Rome.auc<0.999': click.slices" in failed
    assert "no evaluation has click.slices.city.Roma.auc" in refused


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--fail-if", "click.acu<1"], "did you mean click.auc?"),
        (
            ["--fail-if", "features.taste.unsen>1"],
            "did you mean features.taste.unseen?",
        ),
        (["--fail-if", "predictions.level.psi>1"], "mean predictions.level.low.psi?"),
    ],
)
def test_unknown_numbers_are_refused(
    flags: list[str], message: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluated(run, run.parent / "test.parquet", *flags) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.slow
def test_library_gives_the_same_tables(run: Path, result: dict[str, Any]) -> None:
    frame = pd.read_parquet(run.parent / "test.parquet")
    frame["note"] = [1, "mixed types"] * 750  # nobody reads this column
    evaluation = mtl_cli.load(run).evaluate(frame, by=["city"])
    metrics = evaluation.metrics.set_index(["task", "metric"])
    for task in LABELS:
        for name, metric in result["tasks"][task]["metrics"].items():
            found = metrics.loc[(task, name)]
            assert [found["value"], found["low"]] == [metric["value"], metric["low"]]
    of_city = [r for r in result["slices"] if r["column"] == "city"]
    assert evaluation.slices["value"].tolist() == [r["value"] for r in of_city]
    again = mtl_cli.load(run).evaluate(frame, by="city").slices
    pd.testing.assert_frame_equal(again, evaluation.slices)
    assert evaluation.importance.empty and len(evaluation.drift) == 11
    assert "Rome" in evaluation._repr_html_()


def test_features_that_are_no_columns_make_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = np.datetime64("2026-01-05") + np.arange(1400) % 28  # from a Monday on
    table = rows(1400, 0).append_column("day", pa.array(days.astype(str)))
    day_names = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"] * 200
    table = table.append_column("day_name", pa.array(day_names))
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    cross = {"kind": "cross", "columns": ["city", "level"]}
    features = {
        "weekday": {"kind": "calendar", "part": "weekday", "column": "day"},
        "pair": cross,
        "hashed": cross | {"num_buckets": 9},
    }
    tasks = {"click": TASKS["click"]}
    data = values(tmp_path / "rows.parquet", features, tasks)
    run_in(tmp_path / "run", Config.model_validate(small_values() | {"dataset": data}))
    model = mtl_cli.load(tmp_path / "run")
    evaluation = model.evaluate(table, by=["weekday", "day_name", "pair"])
    slices = evaluation.slices.set_index(["column", "slice"])
    scores = slices["metrics.log_loss"]
    assert [day[:2] for day in scores["weekday"].index] == day_names[:7]
    for name, score in scores["weekday"].items():
        assert scores["day_name"][name[:2]] == score
    assert "Rome & low" in scores["pair"]
    # A plugin may look the names up in an array.
    days = np.array(list("?MTWTFSS"))
    monkeypatch.setattr(Calendar, "value_names", lambda self, ids, learnt: days[ids])
    slices = model.evaluate(table, by="weekday").slices
    assert slices["slice"].tolist() == list("MTWFS")
    with pytest.raises(ConfigError, match="the values of feature hashed have no names"):
        model.evaluate(table, by="hashed")


@pytest.mark.slow
def test_training_rows_are_noticed_under_any_name(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"warning: TABLE holds the rows that {run} was trained on"
    shutil.copy(run.parent / "train.parquet", tmp_path / "may.parquet")
    for table in (run.parent / "train.parquet", tmp_path / "may.parquet"):
        assert evaluated(run, table) == 0
        assert said in capsys.readouterr().out
    frame = pd.read_parquet(run.parent / "train.parquet")
    frame.head(2000).to_parquet(tmp_path / "other.parquet")
    for table in (run.parent / "test.parquet", tmp_path / "other.parquet"):
        assert evaluated(run, table) == 0
        assert said not in capsys.readouterr().out


WRONG = {
    "no_run": (["nowhere", "TEST"], 2, "holds no complete model"),
    "no_run_name": (["", "TEST"], 2, "argument RUN: '' names no file or folder; give"),
    "damaged_run": (["damaged", "TEST"], 2, "holds no complete model"),
    "export": (["export", "TEST"], 2, "holds no complete model"),
    "no_table": (["RUN", "none.csv"], 2, "no file 'none.csv'"),
    "no_labels": (["RUN", "unlabelled.csv"], 2, "no output can be evaluated: "),
    "crosses": (["RUN", "TEST", "--crosses"], 2, "--crosses: reads the run's own"),
    "schema": (["RUN", "less.csv"], 2, "no column 'taste' in less.csv"),
    "no_weights": (["RUN", "unweighted.csv"], 2, "dataset.weight_column: no column"),
    "type": (["RUN", "text.parquet"], 2, "feature taste: "),
    "label": (["RUN", "label.csv"], 2, "row 1 holds 7"),
    "empty": (["RUN", "empty.csv"], 2, "has a header but no rows"),
    "binary": (["RUN", "binary.parquet"], 2, "TABLE: "),
    "list": (["RUN", "list.parquet", "--by", "city"], 2, "column 'city' holds list"),
    "by": (["RUN", "TEST", "--by", "town"], 2, "--by: no column 'town' in"),
    "by_plural": (["RUN", "TEST", "--by", "cities"], 2, "did you mean city?"),
    "by_case": (["RUN", "TEST", "--by", "CITY"], 2, "did you mean city?"),
    "by_alone": (["RUN", "--by", "city"], 2, "--by: slices need a TABLE"),
    "repeats": (
        ["RUN", "TEST", "--importance", "--repeats", "1"],
        2,
        "--repeats: 1 is",
    ),
    "number": (["RUN", "TEST", "--repeats", "x"], 2, "invalid int value"),
    "repeats_alone": (["RUN", "TEST", "--repeats", "9"], 2, "add --importance"),
    "exists": (["RUN", "TEST", "--json", "old.json"], 2, "--json: old.json exists"),
    "folder": (
        ["RUN", "TEST", "--html", "no/o.html"],
        2,
        "--html: the folder no cannot",
    ),
    "unwritable": (
        ["RUN", "TEST", "--json", "/sys/o.json"],
        2,
        "--json: the folder /sys cannot be written: ",
    ),
    "page": (["RUN", "TEST", "--html", "-"], 2, "--html: a page does not go to stdout"),
    "table": (
        ["RUN", "less.csv", "--json", "./less.csv", "--force"],
        2,
        "--json: less.csv is a file of TABLE",
    ),
    "own": (
        ["RUN", "TEST", "--json", "RUN/metrics.json", "--force"],
        2,
        "metrics.json lies in the folder of the run; name a path",
    ),
    "data": (["RUN", "--html", "TRAIN", "--force"], 2, "is a file of the run's data"),
    "pattern": (["RUN", "l*s.csv", "--html", "less.csv", "--force"], 2, "of TABLE"),
    "flag": (["RUN", "TEST", "--jsn", "o"], 2, "did you mean --json?"),
    "plugins": (["RUN", "TEST", "--plugins", "x"], 2, "no folder x"),
    "condition": (["RUN", "TEST", "--json", "o", "--fail-if", "auc"], 2, "--fail-if"),
    "no_run_at_all": ([], 2, "the following arguments are required: RUN"),
}


def test_json_goes_to_stdout_in_place_of_the_tables(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    check = ["--fail-if", "click.auc<2"]
    assert evaluated(run, run.parent / "test.parquet", "--json", "-", *check) == 1
    out, err = capsys.readouterr()
    assert list(json.loads(out)["tasks"]) == LABELS
    assert "click.auc<2" in err
    assert not list(tmp_path.iterdir())


def test_stdin_is_evaluated_as_a_file(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pd.read_parquet(run.parent / "test.parquet")
    text = frame.assign(minute=range(len(frame))).to_csv(index=False)
    Path("test.csv").write_text(text)
    by = ["--by", "city,minute"]
    assert evaluated(run, "test.csv", *by, "--json", "-") == 0
    of_file = json.loads(capsys.readouterr().out)
    # A text file has no types, but these cells are all numbers.
    minutes = [r["slice"] for r in of_file["slices"] if r["column"] == "minute"]
    assert minutes[0].startswith("up to ")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    assert evaluated(run, "-", *by, "--json", "-") == 0
    assert json.loads(capsys.readouterr().out) == of_file | {"table": "stdin"}
    monkeypatch.setattr(
        sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"user,click\n"))
    )
    assert evaluated(run, "-") == 2
    assert "no column 'price' in stdin" in capsys.readouterr().err


@pytest.fixture(scope="module")
def wrong_files(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tables and runs that cannot be evaluated."""
    folder = tmp_path_factory.mktemp("wrong")
    frame = pd.read_parquet(run.parent / "test.parquet")
    frame.drop(columns=LABELS).to_csv(folder / "unlabelled.csv", index=False)
    frame.drop(columns=["taste"]).to_csv(folder / "less.csv", index=False)
    unweighted = frame.drop(columns=["importance_weight"])
    unweighted.to_csv(folder / "unweighted.csv", index=False)
    frame.assign(taste="good").to_parquet(folder / "text.parquet")
    frame.assign(click=7).to_csv(folder / "label.csv", index=False)
    frame.head(0).to_csv(folder / "empty.csv", index=False)
    frame.assign(city=[["Rome"]] * len(frame)).to_parquet(folder / "list.parquet")
    (folder / "binary.parquet").write_bytes(b"PAR1 and no more")
    (folder / "old.json").write_text("mine")
    (folder / "export").mkdir()
    (folder / "export" / "export.json").write_text("{}")
    (folder / "damaged" / "model").mkdir(parents=True)
    (folder / "damaged" / "model" / "spec.json").write_text("{")
    return folder


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_ends_in_one_line_and_writes_nothing(
    name: str,
    run: Path,
    wrong_files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(wrong_files)
    before = {p.name: p.is_file() and p.read_bytes() for p in wrong_files.iterdir()}
    arguments, code, message = WRONG[name]
    known = {"RUN": run, "TEST": run.parent / "test.parquet"}
    known |= {"TRAIN": run.parent / "train.parquet"}
    arguments = [a.replace("RUN/", f"{run}/") for a in arguments]
    assert evaluated(*(known.get(a, a) for a in arguments)) == code
    err = capsys.readouterr().err
    assert err.startswith("mtl-evaluate: error: ") and err.count("\n") == 1
    assert message in err
    assert pd.read_parquet(run.parent / "train.parquet").shape[0] == 3000
    after = {p.name: p.is_file() and p.read_bytes() for p in wrong_files.iterdir()}
    assert after == before


def test_slice_of_one_class_has_counts_and_the_reason(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_parquet(run.parent / "test.parquet")
    frame.loc[frame["city"] == "Rome", "click"] = 1
    frame.to_parquet(tmp_path / "one.parquet")
    target = tmp_path / "o.json"
    assert (
        evaluated(run, tmp_path / "one.parquet", "--by", "city", "--json", target) == 0
    )
    slices = json.loads(target.read_text())["slices"]
    rome = next(r for r in slices if (r["slice"], r["task"]) == ("Rome", "click"))
    assert rome["value"] is None and rome["p"] is None
    assert rome["rows"] == rome["positives"] and "auc: one class only" in rome["why"]


@pytest.mark.slow
def test_run_of_an_earlier_version_has_no_drift_of_features(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads((run / "data_report.json").read_text())
    kept = (run / "data_report.json").read_text()
    for feature in report["features"].values():
        del feature["buckets"]
    try:
        (run / "data_report.json").write_text(json.dumps(report))
        assert evaluated(run, run.parent / "test.parquet") == 0
    finally:
        (run / "data_report.json").write_text(kept)
    assert "warning: drift of features is unknown" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_in_the_middle_leaves_no_file(
    number: int,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> Any:
        signal.raise_signal(number)

    monkeypatch.setattr(blocks, "labels_of_rows", interrupted)
    with own_signal_handlers():
        test = run.parent / "test.parquet"
        code = evaluated(run, test, "--json", tmp_path / "o.json")
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143}[signal.Signals(number)]
    assert "nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_full_stdout_ends_in_one_line(run: Path) -> None:
    command = "from mtl_cli.cli.evaluate import command; command()"
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", command, run, run.parent / "test.parquet"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    line = "mtl-evaluate: error: cannot write to stdout: No space left on device\n"
    assert ended.stderr == line


@pytest.mark.slow
def test_full_disk_ends_in_one_line_below_the_scores(
    run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    test = run.parent / "test.parquet"
    assert evaluated(run, test, "--json", tmp_path / "o.json") == 1
    out, err = capsys.readouterr()
    assert "o.json: No space left on device" in err and err.count("\n") == 1
    assert "Metrics" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_value_that_json_cannot_hold_costs_no_scores_on_the_screen(
    run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(Evaluation, "to_dict", lambda _: {"rows": math.nan})
    test = run.parent / "test.parquet"
    assert evaluated(run, test) == 0
    assert "Metrics" in capsys.readouterr().out
    with pytest.raises(ValueError, match="not JSON compliant"):
        evaluated(run, test, "--json", tmp_path / "o.json")
    assert "Metrics" in capsys.readouterr().out


@pytest.fixture(scope="module")
def sweep(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two finished runs, a failed one and one without its model."""
    folder = tmp_path_factory.mktemp("sweep") / "first"
    for name, seed in {"a": 0, "b": 1, "failed": 2, "lost": 3}.items():
        shutil.copytree(run, folder / name)
        saved = {"seed": seed, "dataset": {"name": "planted", "test": "old.parquet"}}
        (folder / name / "config.yaml").write_text(json.dumps(saved))
        status = "failed" if name == "failed" else "done"
        record = {"status": status, "start": "2026-11-26", "seconds": 1.0}
        (folder / name / "status.json").write_text(json.dumps(record))
        (folder / name / "environment.json").write_text('{"data_hash": "old"}')
    shutil.rmtree(folder / "lost" / "model")
    return folder


@pytest.mark.slow
def test_sweep_is_evaluated_into_a_folder_that_compares(
    run: Path,
    sweep: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pd.read_parquet(run.parent / "test.parquet").head(700)
    frame.to_parquet("may.v2.parquet")
    assert evaluated(sweep, "may.v2.parquet", "--fail-if", "click.auc<.2") == 1
    out, err = capsys.readouterr()
    assert "failed is not evaluated: failed" in out
    assert re.search(r"^ b +0\.\d+", out, re.MULTILINE)
    assert err.count("\n") == 1 and "lost: " in err and "no complete model" in err
    target = tmp_path / "outputs" / "evaluations" / "first-may"
    assert sorted(p.name for p in target.iterdir()) == ["a", "b", "evaluations.json"]

    comparison = mtl_cli.compare(target)
    table = comparison.to_frame().set_index("task")
    single = mtl_cli.load(run).evaluate(frame)
    for task in LABELS:
        main = single.tasks[task]["metrics"][single.tasks[task]["main_metric"]]
        assert table.loc[task, "mean"] == pytest.approx(main["value"], rel=1e-9)
        assert table.loc[task, "seeds"] == 2
    assert comparison.datasets[0].split == "test"
    file = target / "a" / "predictions.parquet"
    predictions, names = pd.read_parquet(file), pyarrow.parquet.read_schema(file).names
    assert names == [*predictions]  # no index beside the columns
    own = pd.read_parquet(run / "predictions.parquet").head(700)
    pd.testing.assert_frame_equal(predictions, own, rtol=1e-5)
    config = yaml.safe_load((target / "a" / "config.yaml").read_text())
    assert config["dataset"]["test"] == "may.v2.parquet"
    metrics = json.loads((target / "a" / "metrics.json").read_text())
    assert metrics["valid"] == json.loads((run / "metrics.json").read_text())["valid"]
    about = json.loads((target / "a" / "environment.json").read_text())
    assert about["valid_rows"][0] == "old"  # the hash of the training data
    assert about["data_hash"] != "old"

    # A folder around the sweep and its evaluations is compared without the latter.
    shutil.copytree(sweep, tmp_path / "outputs" / "sweeps" / "first")
    runs = read_runs([str(tmp_path / "outputs")])
    assert {r.path.parent.name for r in runs} == {"first"}
    assert len(read_runs([str(target)])) == 2


@pytest.mark.slow
def test_runs_that_are_named_one_by_one_are_evaluated_on_one_table(
    run: Path, sweep: Path, tmp_path: Path
) -> None:
    table = run.parent / "test.parquet"
    assert evaluated(sweep / "b", sweep / "a", table, "-o", tmp_path / "may") == 0
    record = json.loads((tmp_path / "may" / "evaluations.json").read_text())
    assert record["folders"] == [str(sweep / "b"), str(sweep / "a")]
    assert record["runs"] == ["b", "a"]


WRONG_SWEEP = {
    "parent": (["SWEEP", "TEST", "-o", "new/.."], "'new/..' does not end in a name"),
    "no_name": (["SWEEP", "TEST", "-o", ""], "argument -o/--output: '' names no file"),
    "exists": (["SWEEP", "TEST", "-o", "old"], "-o: old exists; name another folder"),
    "other": (["SWEEP", "TEST", "-o", "other", "--force"], "is not an evaluation"),
    "forged": (["SWEEP", "TEST", "-o", "old", "--force"], "holds no list of the files"),
    "link": (["SWEEP", "TEST", "-o", "link", "--force"], "is not an evaluation"),
    "table": (["SWEEP"], "is a sweep; name the files of a table"),
    "stdin": (["SWEEP", "-"], "is a sweep; name the files of a table"),
    "json": (["SWEEP", "TEST", "--json", "o.json"], "--json, --html: "),
    "crosses": (["SWEEP", "TEST", "--crosses"], "is a sweep; name one run"),
    "run": (["RUN", "TEST", "-o", "new"], "is a single run; write files with"),
    "runs": (["RUN", "SWEEP"], "several runs are named; name the files of a table"),
    "in_run": (["SWEEP", "TEST", "-o", "IN_RUN"], "new lies in the folder of the run"),
    "schema": (["SWEEP", "less.csv", "-o", "new"], "no column 'taste' in less.csv"),
}


@pytest.mark.parametrize("name", WRONG_SWEEP)
def test_wrong_use_of_a_sweep_changes_nothing(
    name: str,
    run: Path,
    sweep: Path,
    wrong_files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(wrong_files)
    (wrong_files / "old").mkdir(exist_ok=True)
    (wrong_files / "old" / "evaluations.json").write_text("{}")
    (wrong_files / "other").mkdir(exist_ok=True)
    (wrong_files / "old" / "config.yaml").write_text("mine: 1")
    if not (wrong_files / "link").is_symlink():
        (wrong_files / "link").symlink_to("old")
    before = sorted(path.as_posix() for path in wrong_files.rglob("*"))
    arguments, message = WRONG_SWEEP[name]
    known = {"RUN": run, "SWEEP": sweep, "TEST": run.parent / "test.parquet"}
    known["IN_RUN"] = sweep / "a" / "new"
    assert evaluated(*(known.get(a, a) for a in arguments)) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
    assert sorted(path.as_posix() for path in wrong_files.rglob("*")) == before
    assert not known["IN_RUN"].exists()


def test_table_that_changes_while_a_sweep_is_evaluated_is_refused(
    run: Path,
    sweep: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table, target = tmp_path / "may.parquet", tmp_path / "may"
    frame = pd.read_parquet(run.parent / "test.parquet").head(100)
    frame.to_parquet(table)

    def evaluate_and_change(*arguments: Any) -> Any:
        result = evaluate_table(*arguments)
        frame[::-1].to_parquet(table)
        return result

    monkeypatch.setattr("mtl_cli.evaluation.several_runs.evaluate", evaluate_and_change)
    assert evaluated(sweep, table, "-o", target) == 1
    assert f"a: TABLE: {table} changed while" in capsys.readouterr().err
    # The second run was evaluated on the changed table alone.
    assert [path.name for path in target.iterdir() if path.is_dir()] == ["b"]


@pytest.mark.slow
def test_force_replaces_an_earlier_evaluation(
    run: Path, sweep: Path, tmp_path: Path
) -> None:
    target = tmp_path / "may"
    target.mkdir()
    arguments = (sweep, run.parent / "test.parquet", "-o", target, "--force")
    old = {"a/metrics.json": hashlib.sha256(b"old").hexdigest()}
    (target / "a").mkdir()
    (target / "a" / "metrics.json").write_text("old")
    (target / "evaluations.json").write_text(json.dumps({"files": old}))
    for mine in (target / "notes.txt", target / "a" / "config.yaml"):
        mine.write_text("mine")
        assert evaluated(*arguments) == 2
        assert mine.read_text() == "mine"
        mine.unlink()
    assert evaluated(*arguments) == 1  # one run has lost its model
    assert "old" not in (target / "a" / "metrics.json").read_text()
    hashes = json.loads((target / "evaluations.json").read_text())["files"]
    assert "a/predictions.parquet" in hashes and "b/evaluation.html" in hashes
    assert [path.name for path in tmp_path.iterdir()] == ["may"]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("{", marks=pytest.mark.slow),
        pytest.param("[]", marks=pytest.mark.slow),
        pytest.param('{"features": {}}', marks=pytest.mark.slow),
        '{"features": {"user": {"buckets": {"ids": [1], "counts": [1]}}}}',
    ],
)
def test_damaged_data_report_costs_only_the_drift(
    damage: str, sweep: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sweep / "b" / "data_report.json").write_text(damage)
    (sweep / "b" / "predictions.parquet").write_bytes(b"PAR1")
    assert evaluated(sweep / "b", run.parent / "test.parquet") == 0
    out = capsys.readouterr().out
    assert "drift of features is unknown" in out
    assert "drift of predictions is unknown" in out


@pytest.mark.slow
def test_links_and_odd_numbers_of_other_peoples_runs_are_left_out(
    sweep: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("epoch,secret\n1,mine\n")
    (sweep / "a" / "history.csv").unlink()
    (sweep / "a" / "history.csv").symlink_to(secret)
    target = tmp_path / "may"
    assert evaluated(sweep, run.parent / "test.parquet", "-o", target) == 1
    assert not (target / "a").exists()
    assert (target / "b" / "metrics.json").exists()
    assert "history.csv is a link; remove it" in capsys.readouterr().err
    (sweep / "b" / "environment.json").write_text('{"parameters": NaN}')
    target = tmp_path / "june"
    assert evaluated(sweep, run.parent / "test.parquet", "-o", target) == 2
    assert not target.exists()  # no run is left
