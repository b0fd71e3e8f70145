"""The command as users run it, and the folder that it leaves."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.commands import mtl_train, run_cold
from helpers.html_tags import check_self_contained
from helpers.planted_data import config, parquet, planted, run_in, values
from sklearn.metrics import log_loss, roc_auc_score

from mtl_cli.core.errors import WriteError
from mtl_cli.heads.base import Output
from mtl_cli.runs import save_and_score
from mtl_cli.runs.console import Console
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.regression import Regression

BINARY = Binary(label="y")
QUICK = ["trainer.epochs=1", "trainer.compile=false"]
DATASET = """
name: small
train: rows.csv
valid: null
test: null
valid_fraction: 0.2
split_seed: 0
features:
  shop: {kind: sparse}
  price: {kind: dense, transform: standard}
tasks:
  buy: {label: buy, kind: binary}
"""


def metrics(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())


def with_small_data(folder: Path) -> Path:
    """Writes a data set of 200 rows and its configuration into a folder."""
    rng = np.random.default_rng(0)
    columns = {"shop": rng.integers(0, 5, 200), "price": rng.normal(size=200)}
    frame = pd.DataFrame(columns).assign(buy=rng.integers(0, 2, 200))
    frame.to_csv(folder / "rows.csv", index=False)
    (folder / "conf" / "dataset").mkdir(parents=True)
    (folder / "conf" / "dataset" / "small.yaml").write_text(DATASET)
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return with_small_data(tmp_path)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("start")


@pytest.fixture(scope="module")
def completed(start: Path) -> subprocess.CompletedProcess[str]:
    return run_cold(start, *QUICK, "hydra.run.dir=first")


@pytest.fixture(scope="module")
def run(start: Path, completed: subprocess.CompletedProcess[str]) -> Path:
    assert completed.returncode == 0, completed.stderr
    return start / "first"


@pytest.mark.slow
def test_default_command_trains_ple_on_bundled_adult_from_any_folder(
    completed: subprocess.CompletedProcess[str], run: Path
) -> None:
    assert "adult: 29,305 train, 3,256 valid, 16,281 test rows" in completed.stdout
    assert "ple on embedding" in completed.stdout
    cells = [line.split() for line in completed.stdout.splitlines()]
    for task, positives in (("income", "3,846"), ("never_married", "5,434")):
        (row,) = (row for row in cells if row[:1] == [task])
        assert row[-2:] == ["16,281", positives]
    assert "run folder: first" in completed.stdout
    assert "try next:   mtl-train " in completed.stdout


@pytest.mark.slow
def test_nothing_but_our_own_words_is_printed(
    completed: subprocess.CompletedProcess[str], run: Path
) -> None:
    assert completed.stderr == ""
    assert "\x1b" not in completed.stdout
    for noise in ("tensorflow", "oneDNN", "deepctr", "Hydra", "WARNING"):
        assert noise not in completed.stdout


@pytest.mark.slow
def test_run_folder_is_complete(run: Path) -> None:
    files = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
    assert files == {
        "config.yaml",
        "environment.json",
        "calibration.json",
        "gates.json",
        "history.csv",
        "metrics.json",
        "model/SHA256SUMS",
        "model/learnt.json",
        "data_report.json",
        "model_card.md",
        "model/model.weights.h5",
        "model/optimizer.npz",
        "model/spec.json",
        "plots/calibration.png",
        "plots/learning_curves.png",
        "predictions.parquet",
        "report.html",
        "status.json",
        "train.log",
    }
    assert json.loads((run / "status.json").read_text())["status"] == "done"


@pytest.mark.slow
def test_report_shows_scores_curves_and_configuration(run: Path) -> None:
    page = (run / "report.html").read_text()
    check_self_contained(page)
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings == [
        *(
            "Scores on test rows",
            "Learning curves",
            "Predictions on test rows",
            "Weakest slices",
            "Gates",
        ),
        *("Network", "Data", "Time", "Settings", "How to go on"),
    ]
    for title in ("ROC", "precision by recall", "calibration", "predictions by label"):
        assert page.count(f"<h3>{title}</h3>") == 2  # one per task
    assert "level 1 specific experts" in page
    assert '<td class="text">relationship is Not-in-family</td>' in page
    assert "importance of features, which would take long" in page  # after one epoch
    assert "mtl-train trainer.epochs=1" in page
    for command in ("mtl-compare", "mtl-evaluate", "mtl-predict", "mtl-export"):
        assert f"<pre>{command} first " in page
    auc = metrics(run)["test"]["income"]["auc"]
    low, high = map(float, re.findall(r"auc, (0\.\d{4}) to (0\.\d{4})", page)[0])
    assert low < auc < high
    assert high - low == pytest.approx(0.0099, abs=0.0005)  # of 3,846 positives
    assert "&#34;learning_rate&#34;: 0.001" in page


@pytest.mark.slow
def test_model_card_holds_facts_and_scores(run: Path) -> None:
    card = (run / "model_card.md").read_text()
    score = metrics(run)["test"]["income"]
    assert card.startswith("# ple on adult\n")
    assert "| rows | 29,305 train, 3,256 valid, 16,281 test |" in card
    assert f"| income | {score['auc']:.4f} | {score['pr_auc']:.4f} |" in card


@pytest.mark.slow
def test_metrics_equal_scikit_learn_on_the_saved_predictions(run: Path) -> None:
    frame = pd.read_parquet(run / "predictions.parquet")
    assert list(frame["row"]) == list(range(1, 16282))
    for task, positives in (("income", 3846), ("never_married", 5434)):
        scores = metrics(run)["test"][task]
        y, p = frame[task], frame[f"{task}_prediction"].astype("float64")
        assert scores["auc"] == pytest.approx(roc_auc_score(y, p), abs=1e-12)
        assert scores["log_loss"] == pytest.approx(log_loss(y, p), rel=1e-6)
        assert (scores["rows"], scores["positives"]) == (16281, positives)
    assert metrics(run)["valid"]["income"]["rows"] == 3256
    assert metrics(run)["train"]["income"]["rows"] == 29305


@pytest.mark.slow
def test_history_has_a_row_an_epoch(run: Path) -> None:
    history = pd.read_csv(run / "history.csv")
    assert list(history["epoch"]) == [1]
    assert history["valid.income.auc"][0] == pytest.approx(
        metrics(run)["valid"]["income"]["auc"]
    )
    assert {"loss.income", "loss.never_married", "samples_per_second"} <= set(history)


@pytest.mark.slow
def test_environment_says_what_the_numbers_depend_on(run: Path) -> None:
    record = json.loads((run / "environment.json").read_text())
    assert record["versions"]["tensorflow"].startswith("2.21")
    assert record["seed"] == 1
    hashes = [record[key] for key in ("data_hash", "train_hash", "config_hash")]
    assert [len(text) for text in hashes] == [64, 64, 64]


@pytest.mark.slow
def test_saved_config_runs_again_with_identical_numbers(small: Path) -> None:
    command = ["dataset=small", "model=mmoe", "model.dropout=0.1"]
    command += ["trainer.epochs=2", "trainer.compile=true"]
    for seed, name in {1: "first", 2: "other"}.items():
        completed = mtl_train(small, *command, f"seed={seed}", f"hydra.run.dir={name}")
        assert completed.returncode == 0, completed.stderr
    saved = yaml.safe_load((small / "first" / "config.yaml").read_text())
    assert saved["model"]["name"] == "mmoe"
    # The run prints its folder relative to where the command started.
    again = mtl_train(small, "--config-path", "first", "--config-name", "config")
    assert again.returncode == 0, again.stderr
    (folder,) = (small / "outputs" / "runs").glob("small-mmoe-*")
    assert metrics(folder) == metrics(small / "first")
    assert metrics(folder)["valid"] != metrics(small / "other")["valid"]
    again_with_seeds = (
        "mtl-train -m --config-path=first --config-name=config seed=1,2,3"
    )
    assert f"try next:   {again_with_seeds}" in again.stdout


@pytest.mark.slow
def test_primary_configuration_of_ones_own_trains_and_is_repeated(small: Path) -> None:
    (small / "team").mkdir()
    text = "defaults: [config, _self_]\nseed: 42\n"
    (small / "team" / "acme.yaml").write_text(text)
    flags = ["--config-dir=team", "--config-name=acme"]
    completed = mtl_train(small, *flags, "dataset=small", *QUICK, "hydra.run.dir=run")
    assert completed.returncode == 0, completed.stderr
    assert yaml.safe_load((small / "run" / "config.yaml").read_text())["seed"] == 42
    assert (
        f"try next:   mtl-train -m {' '.join(flags)} dataset=small" in completed.stdout
    )


@pytest.mark.slow
def test_esmm_gives_three_outputs_and_warns_of_the_broken_funnel(
    tmp_path: Path,
) -> None:
    completed = mtl_train(tmp_path, *QUICK, "model=esmm", "hydra.run.dir=run")
    assert completed.returncode == 0, completed.stderr
    assert "warning: the labels are no chain, as esmm needs it" in completed.stdout
    frame = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    ctr, cvr, ctcvr = (
        frame[f"{name}_prediction"]
        for name in ("income", "never_married_given_income", "never_married")
    )
    np.testing.assert_allclose(ctr * cvr, ctcvr, rtol=1e-5)
    scores = metrics(tmp_path / "run")["test"]["never_married_given_income"]
    clicked = frame[frame["income"] == 1]
    assert scores["rows"] == len(clicked) == 3846
    assert scores["auc"] == pytest.approx(
        roc_auc_score(
            clicked["never_married"], clicked["never_married_given_income_prediction"]
        )
    )


@pytest.mark.slow
def test_users_own_model_and_data_set_just_work(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    frame = pd.DataFrame(
        {
            "shop": rng.integers(0, 9, 3000),
            "price": x,
            "watch": 3 * x + rng.normal(size=3000),
            "like": np.where(x + rng.normal(size=3000) > 0, "yes", "no"),
        }
    )
    frame.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "dataset").mkdir()
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(
        "defaults: [mmoe, _self_]\nnum_experts: 2\nexpert_units: [8]\n"
    )
    (tmp_path / "conf" / "dataset" / "shops.yaml").write_text(
        """
name: shops
train: rows.csv
valid: null
test: null
valid_fraction: 0.2
split_seed: 0
features:
  shop: {kind: sparse}
  price: {kind: dense, transform: standard}
tasks:
  watch: {label: watch, kind: regression, loss: huber, tower_units: [4]}
  like: {label: like, kind: binary, positive: "yes"}
"""
    )
    completed = mtl_train(
        tmp_path,
        "model=mine",
        "dataset=shops",
        "trainer.epochs=8",
        "trainer.batch_size=64",
        "optimizer.learning_rate=0.02",
    )
    assert completed.returncode == 0, completed.stderr
    (run,) = (tmp_path / "outputs" / "runs").glob("shops-mine-*")
    scores = metrics(run)["valid"]
    assert scores["watch"]["r2"] > 0.85  # best possible: 9 / 10
    assert scores["like"]["auc"] > 0.8
    assert (scores["watch"]["rows"], "positives" in scores["watch"]) == (600, False)
    assert "valid rows, after epoch" in completed.stdout


@pytest.mark.slow
def test_settings_that_a_data_set_need_not_write_can_be_set_between_flags(
    small: Path,
) -> None:
    units = "dataset.tasks.buy.tower_units=[4],[8]"
    command = ["dataset=small", "--multirun", *QUICK, units, "model=shared_bottom"]
    # More rows in a batch than there are.
    command += ["encoder=dcn", "trainer.batch_size=1000000"]
    completed = mtl_train(small, *command)
    assert completed.returncode == 0, completed.stderr
    configs = (small / "outputs" / "sweeps").glob("*/*/config.yaml")
    saved = [yaml.safe_load(path.read_text())["dataset"] for path in configs]
    assert sorted(d["tasks"]["buy"]["tower_units"] for d in saved) == [[4], [8]]
    assert "CrossNet" not in completed.stdout  # DeepCTR prints it


@pytest.mark.slow
def test_failed_run_says_so_in_one_line_and_keeps_its_traceback(tmp_path: Path) -> None:
    completed = mtl_train(
        tmp_path,
        *QUICK,
        "model=shared_bottom",
        "optimizer=sgd",
        "optimizer.learning_rate=1e30",
        "hydra.run.dir=run",
    )
    assert completed.returncode == 1
    assert completed.stderr.count("\n") == 1
    assert "loss of task income became" in completed.stderr
    assert "in epoch 1, step " in completed.stderr
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["status"] == "failed"
    assert "loss of task income" in status["error"]
    assert "Traceback" in (tmp_path / "run" / "train.log").read_text()


@pytest.mark.slow
def test_error_in_the_report_does_not_lose_a_trained_run(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(save_and_score, "diagnose", fail)
    train = parquet(tmp_path, planted())
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    dataset = values(train, {"user": {"kind": "sparse"}}, tasks)
    chosen = config(dataset | {"test": dataset["train"]}, "trainer.epochs=1")
    error: Exception = IndexError("one too far")
    run = tmp_path / "run"
    run.mkdir()
    # An earlier start of the run was killed after it had written its report.
    (run / "status.json").write_text('{"status": "running"}')
    for name in ("gates.json", "report.html", "model_card.md"):
        (run / name).write_text("of the killed start")
    assert run_in(run, chosen, eager=True) == metrics(run)
    assert not {"gates.json", "report.html", "model_card.md"} & set(os.listdir(run))
    assert (run / "predictions.parquet").exists()
    log = (run / "train.log").read_text()
    assert "warning: the run has no report: IndexError: one too far" in log
    assert "in fail" in log  # the traceback

    error = WriteError("no space left")
    with pytest.raises(WriteError):
        run_in(tmp_path / "full", chosen, eager=True)


@pytest.mark.slow
def test_colours_are_off_under_no_color_on_a_terminal(small: Path) -> None:
    command = ["dataset=small", "model=shared_bottom", *QUICK]
    plain = mtl_train(small, *command, FORCE_COLOR="1", NO_COLOR="1")
    assert plain.returncode == 0, plain.stderr
    assert "\x1b[3" not in plain.stdout


def test_tables_of_scores_cut_no_number_on_a_narrow_terminal(tmp_path, capsys):
    outputs = [
        Output("click", "click", BINARY),
        Output("a_conversion_after_a_click", "buy", BINARY, space="click"),
        Output("watch", "watch", Regression(label="watch")),
    ]
    digits = iter(range(1, 99))
    scores = {
        output.name: {name: 0.1234 + next(digits) for name in output.task.metric_names}
        | {"rows": 50_000}
        | ({"positives": 5_008} if output.task is BINARY else {})
        for output in outputs
    }
    console = Console(tmp_path / "train.log")
    console.terminal.width = 30
    console.print_scores("test rows", outputs, scores)
    console.close()
    shown, log = capsys.readouterr().out, (tmp_path / "train.log").read_text()
    for text in (shown, log):
        assert text.count("test rows") == 1
        numbers = re.findall(r"\d+\.\d{4}", text)
        assert numbers == [f"{i}.1234" for i in range(1, 18)]
        assert text.count("50,000") == 3
        assert (text.count("5,008"), text.count("positives")) == (2, 1)
