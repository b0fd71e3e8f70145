"""`mtl-compare` on runs of several data sets: each is compared by itself."""

import csv
import io
import json
from pathlib import Path

import pytest
from helpers.planted_runs import auc, write_run

from mtl_cli.cli.compare import arguments, run
from mtl_cli.core.errors import ConfigError

TASKS = {"shop": "click", "adult": "income"}


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """Runs of two models on two data sets, by turns."""
    for seed in (1, 2, 3):
        for model, mean in (("shared_bottom", 0.8), ("ple", 0.82)):
            for data, task in TASKS.items():
                write_run(
                    tmp_path / f"{data}_{model}_{seed}",
                    model,
                    seed,
                    {"test": {task: auc(mean + seed / 1e4)}},
                    data_hash=data,
                    dataset__name=data,
                )
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *given: object) -> str:
    assert run(arguments([*map(str, given)])) == 0
    return capsys.readouterr().out


def test_each_data_set_has_its_own_table_and_baseline(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = told(capsys, both)
    adult, shop = (shown.index(f" data set {name} ") for name in ("adult", "shop"))
    first, second = shown[adult:shop], shown[shop:]
    assert "income" in first and "click" not in first
    assert "click" in second.partition("±:")[0]
    for part in (first, second):
        assert "2 configurations, 6 runs, test rows; baseline shared_bottom (" in part
        assert "ple is better than shared_bottom by" in part
    assert "other rows" not in shown


def test_every_form_names_the_data_set(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(told(capsys, both, "--json"))["datasets"]
    assert list(found) == ["adult", "shop"]
    assert list(found["shop"]["tasks"]) == ["click"]
    rows = list(csv.DictReader(io.StringIO(told(capsys, both, "--csv"))))
    assert [(r["dataset"], r["model.name"]) for r in rows[1:3]] == [
        ("adult", "shared_bottom"),
        ("shop", "ple"),
    ]
    markdown = told(capsys, both, "--md").split("\n\n")
    assert [part.count("\n") for part in markdown] == [0, 3, 0, 4]
    assert markdown[::2] == ["## adult", "## shop"]
    page = both / "page.html"
    told(capsys, both, "--html", page)
    text = page.read_text("utf-8")
    assert "<h1>2 configurations on adult</h1>" in text
    assert "<h1>2 configurations on shop</h1>" in text


def test_a_data_set_that_cannot_be_compared_is_named(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(both / "x", "ple", 1, None, status="failed", dataset__name="other")
    for folder in both.glob("shop_*"):
        values = folder / "metrics.json"
        values.write_text('{"test": {"click": {"log_loss": 0.5}}}')
    found = json.loads(told(capsys, both, "--metric", "auc", "--json"))
    assert list(found["tasks"]) == ["income"]
    warned = " ".join(found["warnings"])
    assert "data set other: nothing to compare: none of 1 runs is done" in warned
    assert "data set shop: --metric auc: no task has it" in warned
    with pytest.raises(ConfigError, match="no configuration matches"):
        run(arguments([str(both), "--baseline", "model=mmoe"]))


def test_the_same_data_under_two_names_are_one_data_set(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {"test": {"click": auc(0.9)}}
    more = {"data_hash": "shop", "dataset__name": "shop_few_features"}
    write_run(both / "few", "ple", 1, scores, **more)
    (both / "broken").mkdir()
    (both / "broken" / "status.json").write_text("{")
    found = json.loads(told(capsys, both, "--json"))["datasets"]
    assert list(found) == ["adult", "shop_few_features, shop"]
    assert any("broken" in line for line in found["adult"]["warnings"])
