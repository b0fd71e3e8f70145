"""Runs with scenarios are compared on the rows of each, and with twins of one."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.planted_runs import arguments, compare, compared, write_run

from mtl_cli.core.errors import ConfigError
from mtl_cli.metrics.auc import auc

ROWS = 3000
SCENARIOS = ["feed", "shop"]


def rows_of_seed(seed):
    """Labels, and scenarios: the even rows are of `feed`."""
    random = np.random.default_rng(seed)
    return random.integers(0, 2, ROWS), np.array(SCENARIOS)[np.arange(ROWS) % 2]


def write(folder, model, seed, noise, only=None, **settings):
    """Writes a run whose predictions have another noise in each scenario."""
    label, scenario = rows_of_seed(0)
    spread = np.array([noise[name] for name in scenario])
    random = np.random.default_rng(100 * seed + len(model))
    frame = pd.DataFrame(
        {
            "row": np.arange(ROWS),
            "scenario": pd.Categorical(scenario),
            "click": label,
            "click_prediction": label + spread * random.normal(size=ROWS),
        }
    )
    if only is not None:
        frame = frame[frame["scenario"] == only]
        settings["dataset__only_scenario"] = only

    def score(own):
        columns = own["click"].astype(float), own["click_prediction"]
        counts = {"rows": len(own), "positives": int(own["click"].sum())}
        return {"auc": auc(*map(np.array, columns), np.ones(len(own))), **counts}

    by_scenario = {
        name: score(own) for name, own in frame.groupby("scenario", observed=True)
    }
    scores = {"click": score(frame) | {"scenarios": by_scenario}}
    write_run(folder, model, seed, {"test": scores}, **settings)
    frame.to_parquet(folder / "predictions.parquet", index=False)


def sweep(folder):
    """A model that is better in one scenario; its twin is better in the other."""
    for seed in (1, 2, 3):
        base, star = {"feed": 1.0, "shop": 1.0}, {"feed": 0.7, "shop": 1.0}
        write(folder / f"base{seed}", "shared_bottom", seed, base)
        write(folder / f"star{seed}", "mmoe", seed, star)
        own = {"feed": 1.0, "shop": 0.7}
        for name in SCENARIOS:
            write(folder / f"own{name}{seed}", "mmoe", seed, own, only=name)
    return folder


def test_each_scenario_has_its_differences_and_tests(tmp_path, capsys):
    found = compared(capsys, sweep(tmp_path))
    names = [c["name"] for c in found["configurations"]]
    assert names == ["shared_bottom", "mmoe"]  # twins are no configurations
    better = found["configurations"][1]["tasks"]["click"]["scenarios"]
    assert better["feed"]["to_baseline"]["verdict"] == "better"
    assert better["feed"]["rows"] == ROWS // 2
    assert better["shop"]["to_baseline"]["verdict"] == "no real difference"
    label, scenario = rows_of_seed(0)
    mean = better["feed"]["to_baseline"]["over_rows"]["difference"]
    values = []
    for run_name in ("star", "base"):
        for seed in (1, 2, 3):
            path = tmp_path / f"{run_name}{seed}" / "predictions.parquet"
            prediction = pd.read_parquet(path)["click_prediction"].to_numpy()
            feed = scenario == "feed"
            ones = np.ones(feed.sum())
            values.append(auc(label[feed].astype(float), prediction[feed], ones))
    assert np.isclose(mean, np.mean(values[:3]) - np.mean(values[3:]), atol=1e-12)


def test_gain_or_loss_against_the_single_scenario_twin_is_told(tmp_path, capsys):
    found = compared(capsys, sweep(tmp_path))
    better = found["configurations"][1]["tasks"]["click"]["scenarios"]
    assert better["feed"]["to_single_scenario"]["verdict"] == "better"
    assert better["shop"]["to_single_scenario"]["verdict"] == "worse"
    assert better["shop"]["to_single_scenario"]["over_rows"]["p"] < 0.05
    sentences = "\n".join(found["tasks"]["click"]["verdicts"])
    assert "Scenario feed: mmoe gains over its single-scenario twin (+" in sentences
    assert "Scenario shop: mmoe loses to its single-scenario twin (-" in sentences


@pytest.mark.slow
def test_noise_of_other_models_says_nothing_of_the_single_scenario_twin(
    tmp_path, capsys
):
    def p_values():
        found = compared(capsys, tmp_path)["configurations"]
        (mmoe,) = (c for c in found if c["name"] == "mmoe")
        by_scenario = mmoe["tasks"]["click"]["scenarios"]
        tests = [by_scenario[x]["to_single_scenario"]["over_seeds"] for x in SCENARIOS]
        return [test["p"] for test in tests]

    sweep(tmp_path)
    expected = p_values()
    for seed in (1, 2, 3):
        write(tmp_path / f"ple{seed}", "ple", seed, {"feed": 1.0, "shop": 1.0})
    assert p_values() == expected


def test_tables_of_scenarios_stand_in_every_form(tmp_path, capsys):
    folder, page = sweep(tmp_path / "runs"), tmp_path / "page.html"
    assert compare(arguments([str(folder), "--html", str(page)])) == 0
    text = capsys.readouterr().out
    assert "scenario feed" in text and "to single scenario" in text
    assert text.index("mmoe is better than") < text.index("scenario feed")
    assert compare(arguments([str(folder), "--md"])) == 0
    assert "### shop\n\n| model | seeds | click auc |" in capsys.readouterr().out
    assert compare(arguments([str(folder), "--csv"])) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "scenario" in lines[0].split(",")
    assert len(lines) == 1 + 2 * (1 + len(SCENARIOS))
    assert "<h2>Scenarios</h2>" in page.read_text()


@pytest.mark.slow
def test_scenario_without_a_score_has_no_table(tmp_path, capsys):
    for path in sweep(tmp_path).glob("*/metrics.json"):
        metrics = json.loads(path.read_text())
        nothing = {"auc": None, "rows": 0, "positives": 0, "why": {"auc": "no rows"}}
        metrics["test"]["click"]["scenarios"]["Feed"] = nothing
        path.write_text(json.dumps(metrics))
    assert compare(arguments([str(tmp_path)])) == 0
    text = capsys.readouterr().out
    assert "scenario feed" in text and "scenario Feed" not in text


def test_predictions_without_the_scenarios_give_verdicts_from_seeds(tmp_path, capsys):
    sweep(tmp_path)
    for path in tmp_path.glob("*/predictions.parquet"):
        pd.read_parquet(path).drop(columns="scenario").to_parquet(path, index=False)
    found = compared(capsys, tmp_path)
    better = found["configurations"][1]["tasks"]["click"]["scenarios"]
    assert better["feed"]["to_baseline"]["over_rows"] is None
    assert any("has no column scenario" in line for line in found["warnings"])


def test_damaged_scores_of_a_scenario_damage_the_run_alone(tmp_path, capsys):
    sweep(tmp_path)
    path = tmp_path / "star3" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["test"]["click"]["scenarios"]["feed"]["auc"] = True
    path.write_text(json.dumps(metrics))
    found = compared(capsys, tmp_path)
    assert any("metrics.json is damaged" in line for line in found["warnings"])


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("test.click.scenarios.feed.auc<0.99", 1),
        ("test.click.scenarios.feed.auc < 0.1", 0),
        ("test.click.scenarios.a.b <=50 K.auc<=0.7", 1),
        ("test.click.scenarios.a.b <=50 K.auc<=0.5", 0),
        ("test.click.scenarios.lost.auc<0.1", 1),
    ],
)
def test_fail_if_checks_a_scenario_of_any_name(tmp_path, capsys, condition, code):
    by_scenario = {
        "feed": {"auc": 0.8, "rows": 9},
        "a.b <=50 K": {"auc": 0.6, "rows": 9},
        "lost": {"auc": None, "rows": 9, "why": {"auc": "one class"}},
    }
    scores = {"click": {"auc": 0.7, "scenarios": by_scenario}}
    for seed in (1, 2):
        write_run(tmp_path / str(seed), "mmoe", seed, {"test": scores})
    assert compare(arguments([str(tmp_path), "--fail-if", condition])) == code
    assert ("mmoe has" in capsys.readouterr().err) == bool(code)


def test_fail_if_suggests_the_scenario_that_was_meant(tmp_path):
    condition = "test.click.scenarios.fed.auc<0.8"
    with pytest.raises(ConfigError) as error:
        compare(arguments([str(sweep(tmp_path)), "--fail-if", condition]))
    assert "did you mean test.click.scenarios.feed.auc?" in str(error.value)


def test_fail_if_does_not_check_a_twin_of_another_scenario(tmp_path, capsys):
    condition = "test.click.scenarios.feed.auc>0.5"
    assert compare(arguments([str(sweep(tmp_path)), "--fail-if", condition])) == 1
    errors = capsys.readouterr().err.count("error: --fail-if")
    assert errors == 3  # shared_bottom, mmoe, and the twin of `feed`


def test_fail_if_on_all_rows_does_not_check_single_scenario_twins(tmp_path, capsys):
    command = ["--fail-if", "test.click.auc>0.5"]
    assert compare(arguments([str(sweep(tmp_path)), *command])) == 1
    assert capsys.readouterr().err.count("error: --fail-if") == 2  # both models
    twins = [str(path) for path in tmp_path.glob("ownfeed*")]
    assert compare(arguments([*twins, *command])) == 1  # no twins of other runs
    assert "mmoe has test.click.auc" in capsys.readouterr().err


def test_fail_if_fails_a_run_without_scores_if_all_are_of_one_scenario(
    tmp_path, capsys
):
    for seed in (1, 2, 3):
        for model, feed in (("shared_bottom", 1.0), ("mmoe", 0.7)):
            noise = {"feed": feed, "shop": 1.0}
            write(tmp_path / f"{model}{seed}", model, seed, noise, only="feed")
    command = arguments([str(tmp_path), "--fail-if", "worse"])
    assert compare(command) == 0
    only = {"dataset__only_scenario": "feed"}
    write_run(tmp_path / "failed", "ple", 1, None, status="failed", **only)
    capsys.readouterr()
    assert compare(command) == 1
    error = capsys.readouterr().err
    assert "ple is not compared with the baseline: failed" in error
