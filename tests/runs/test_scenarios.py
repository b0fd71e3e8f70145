"""A run with scenarios gives its scores for each of them."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers.planted_data import config, loaded, parquet, planted, run_in, values

import mtl_cli
from mtl_cli.cli import evaluate
from mtl_cli.core.errors import DataError
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data import sources
from mtl_cli.data.scenarios import OTHER, Scenarios
from mtl_cli.data.table import Table
from mtl_cli.evaluation import rows as evaluated_rows
from mtl_cli.metrics.auc import auc
from mtl_cli.runs.console import Console
from mtl_cli.runs.job_records import JobRecord
from mtl_cli.runs.read_data import read_data
from mtl_cli.runs.save_and_score import scenario_slices
from mtl_cli.scoring.gate_usage import usage_by_slice
from mtl_cli.scoring.gate_weights import GateWeights
from mtl_cli.scoring.scores import score_outputs
from mtl_cli.sweep.job import Job, note_scores

FEATURES = {name: {"kind": "sparse"} for name in ("user", "item")}
TASKS = {
    "click": {"label": "click", "kind": "binary"},
    "buy": {"label": "buy", "kind": "binary", "space": "click"},
}
FILES = ("metrics.json", "report.html", "model_card.md", "model/spec.json")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of a run with scenarios and of the same run without."""
    folder = tmp_path_factory.mktemp("runs")
    rows = planted(400)
    few = pd.Series(rows["item"].to_pylist()).replace("item4", "rare").to_numpy()
    few[: (few == "rare").argmax()] = "item0"
    rows = rows.set_column(rows.column_names.index("item"), "item", [few.tolist()])
    train = parquet(folder, rows)
    test = parquet(folder, rows.slice(200), "test.parquet")
    dataset = values(train, FEATURES, TASKS, test=str(test))
    for name, more in (("with", {"scenario": "item"}), ("without", {})):
        run_in(folder / name, config(dataset | more), eager=True)
    return folder / "with", folder / "without"


def test_scores_of_a_scenario_are_those_of_its_rows(runs):
    test = json.loads((runs[0] / "metrics.json").read_text())["test"]
    rows = pd.read_parquet(runs[0] / "predictions.parquet")
    assert set(test["click"]["scenarios"]) == set(rows["scenario"])
    for name, own in rows.groupby("scenario", observed=True):
        score = test["click"]["scenarios"][name]
        columns = own["click"].astype(float), own["click_prediction"].astype(float)
        assert score["auc"] == auc(*map(np.array, columns), np.ones(len(own)))
        assert score["rows"] == len(own)
        assert score["positives"] == own["click"].sum()
        assert test["buy"]["scenarios"][name]["rows"] == own["click"].sum()


@pytest.mark.slow
def test_evaluated_sweep_has_the_scores_of_scenarios(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "ROWS_PER_BLOCK", 64)
    sweep, target = tmp_path / "sweep", tmp_path / "evaluated"
    for run in runs:
        shutil.copytree(run, sweep / run.name)
        settings = {"seed": 1, "dataset": {"name": "planted"}}
        (sweep / run.name / "config.yaml").write_text(json.dumps(settings))
        record = {"status": "done", "start": "2026-11-26", "seconds": 1.0}
        (sweep / run.name / "status.json").write_text(json.dumps(record))
    test = runs[0].parent / "test.parquet"
    assert evaluate.main([str(sweep), str(test), "-o", str(target)]) == 0
    for run in runs:
        copy = target / run.name
        own, copied = (
            json.loads((path / "metrics.json").read_text())["test"]
            for path in (run, copy)
        )
        for task, score in own.items():
            assert copied[task].keys() == score.keys()
            for name, on_scenario in score.get("scenarios", {}).items():
                found = copied[task]["scenarios"][name]
                assert found["rows"] == on_scenario["rows"]
                assert found["auc"] == pytest.approx(on_scenario["auc"], abs=1e-6)
        frames = [pd.read_parquet(path / "predictions.parquet") for path in (run, copy)]
        pd.testing.assert_frame_equal(*frames, rtol=1e-5, check_categorical=False)


@pytest.mark.slow
def test_twin_of_one_scenario_is_evaluated_on_the_rows_of_this_scenario(
    runs, tmp_path, monkeypatch
):
    monkeypatch.setattr(sources, "ROWS_PER_BLOCK", 64)
    folder = runs[0].parent
    keys = {"scenario": "item", "only_scenario": "item1"}
    test = folder / "test.parquet"
    dataset = values(folder / "train.parquet", FEATURES, TASKS, test=str(test))
    # A penalty would make the predictions of many users equal but for roundings.
    chosen = config(dataset | keys, "encoder.l2_embedding=0")
    own = run_in(tmp_path / "twin", chosen, eager=True)["test"]
    evaluation = mtl_cli.load(tmp_path / "twin").evaluate(test)
    items = pd.read_parquet(test)["item"]
    assert evaluation.rows == own["click"]["rows"] == (items == "item1").sum()
    metrics = evaluation.tasks["click"]["metrics"]
    assert metrics["auc"]["value"] == pytest.approx(own["click"]["auc"], abs=1e-6)
    (remark,) = (x for x in evaluation.remarks if "item1" in x)
    assert f"scenario item1: {evaluation.rows} of {len(items)} rows belong" in remark
    monkeypatch.setattr(evaluated_rows, "SAMPLE_ROWS", 5)
    sampled = mtl_cli.load(tmp_path / "twin").evaluate(test, importance=True)
    assert sampled.importances["rows"] == 5  # all of them rows of this scenario
    others = pd.read_parquet(test)[items != "item1"]
    with pytest.raises(DataError, match="no row belongs to scenario 'item1', on whi"):
        mtl_cli.load(tmp_path / "twin").evaluate(others)


def test_undefined_metric_of_a_scenario_is_null_with_its_reason():
    chosen = config(values("never read", FEATURES, TASKS))
    labels, predictions = np.array([0.0, 1, 1, 1]), np.arange(4) / 4
    table = Table(
        {"ids": np.array([[1], [1], [2], [2]])},
        dict.fromkeys(TASKS, labels),
        dict.fromkeys(TASKS, np.ones(4)),
    )
    scenarios = Scenarios(["a", "b", "c", OTHER], 0, np.array([3, 0, 1, 2]))
    predicted = dict.fromkeys(TASKS, predictions)
    scores = score_outputs(chosen.outputs, table, predicted, scenarios.of(table))
    found = scores["click"]["scenarios"]
    assert list(found) == ["a", "b", "c"]  # no row is of another scenario
    assert found["a"]["auc"] == 1
    assert found["b"]["auc"] is None
    assert found["b"]["why"]["auc"] == "one class only: 2 of 2 rows positive"
    assert found["c"]["why"]["auc"] == "no rows"
    assert found["c"]["rows"] == 0


def test_gates_have_a_slice_for_each_scenario_also_for_few_rows_and_buckets(tmp_path):
    names = np.repeat(["a", "b", "c"], [150, 40, 10])
    hours = np.tile([1, 9, 20, 21], 50)
    labels = np.tile([0, 1], 100)
    rows = parquet(tmp_path, {"page": names, "hour": hours, "click": labels})
    features = {
        "page": {"kind": "sparse"},
        "hour": {"kind": "bucketized", "edges": [6, 18]},
    }
    tasks = {"click": TASKS["click"]}
    expected = {"page": {"a": 150, "b": 40, "c": 10}, "hour": {"1": 50, "2": 50}}
    expected["hour"]["3"] = 100
    for scenario, counts in expected.items():
        dataset = SimpleNamespace(scenario=scenario)
        data = loaded(rows, features, tasks, scenario=scenario)
        run = SimpleNamespace(config=SimpleNamespace(dataset=dataset), data=data)
        gate_weights = GateWeights([], {}, {"click": np.ones(200, bool)})
        [slices] = scenario_slices(run, data.splits["train"])
        assert slices.column == scenario
        records = usage_by_slice(gate_weights, slices)
        assert {record["slice"]: record["rows"] for record in records} == counts


def test_terminal_and_page_show_a_table_by_scenario(runs):
    log = (runs[0] / "train.log").read_text()
    table = log[log.index("by scenario") :].splitlines()
    columns = ["auc", "rows", "positives"]
    assert table[2].split() == ["scenario", "click", *columns, "buy", *columns]
    item, *cells = table[4].split()
    assert item == "item0"
    metrics = json.loads((runs[0] / "metrics.json").read_text())["test"]
    counts = [
        str(metrics[task]["scenarios"]["item0"][name])
        for task in ("click", "buy")
        for name in ("rows", "positives")
    ]
    assert cells[1:3] + cells[4:] == counts
    assert "<h3>By scenario</h3>" in (runs[0] / "report.html").read_text()


def without_buyers_of_item1(folder):
    """The configuration of a run on the rows of item1, of which none is bought."""
    rows = planted(400)
    buy = rows["buy"].to_numpy() * (np.array(rows["item"].to_pylist()) != "item1")
    rows = rows.set_column(rows.column_names.index("buy"), "buy", [buy])
    scenario = {"scenario": "item", "only_scenario": "item1", "valid_fraction": 0.3}
    dataset = values(parquet(folder, rows), FEATURES, TASKS, **scenario)
    return config(dataset, "trainer.patience=2")


def test_task_without_positive_rows_in_the_only_scenario_is_not_watched(
    tmp_path, capsys
):
    chosen = without_buyers_of_item1(tmp_path)
    folder = RunFolder(tmp_path / "run")
    console = Console(tmp_path / "run" / "train.log")
    *_, unmonitored = read_data(chosen, folder, console, None)
    console.close()
    folder.release()
    assert unmonitored == ["buy"]
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "warning: trainer.monitor: ne of task buy is undefined on the validation rows "
        "(one class only: all 6 rows), so early stopping does not watch buy; give more "
        "validation rows to watch it"
    ) in shown
    # Only the watched task decides which epoch is kept.
    assert shown.endswith("trainer.patience=null and fewer trainer.epochs: click (18)")


def test_objective_of_a_job_leaves_out_the_tasks_that_were_not_watched(tmp_path):
    chosen = without_buyers_of_item1(tmp_path)
    scores = run_in(tmp_path / "run", chosen, eager=True)
    section = json.loads(chosen.model_dump_json())
    record = JobRecord("0", "run", [])
    note_scores(Job(record, section, {}, tmp_path, 0, {}, []))
    assert record.scores["buy"] is None
    assert record.objective == -scores["valid"]["click"]["ne"]
    title = "trainer.monitor (click ne, lower is better)"
    assert record.monitored == {title: scores["valid"]["click"]["ne"]}


def test_run_without_scenarios_knows_nothing_of_them(runs):
    for name in FILES:
        assert "scenario" not in (runs[1] / name).read_text().lower(), name
    assert "by scenario" not in (runs[1] / "train.log").read_text()
    assert "scenario" not in pd.read_parquet(runs[1] / "predictions.parquet")


def test_scenarios_change_no_prediction_and_no_other_score(runs):
    first, second = (json.loads((x / "metrics.json").read_text()) for x in runs)
    for split in first.values():
        for score in split.values():
            del score["scenarios"]
    assert first == second
