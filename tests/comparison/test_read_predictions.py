"""The labels of classes in `predictions.parquet` are names."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.planted_runs import compared, write_run

from mtl_cli.comparison import read_predictions as module
from mtl_cli.comparison import runs
from mtl_cli.comparison.predictions import UnusableError
from mtl_cli.comparison.read_predictions import read_one_run
from mtl_cli.comparison.read_run import read_run
from mtl_cli.comparison.same_rows import have_equal_test_rows, read_test_rows
from mtl_cli.metrics.classes import accuracy
from mtl_cli.runs.predictions_file import read_predictions

CLASSES = ["low", "mid, or so", 7]
POSITIONS = np.array([0, 2, 1, np.nan, 1, 0])
NAMES = ["low", "7", "mid, or so", None, "mid, or so", "low"]


def run_with(
    folder: Path,
    labels: object,
    seed: int = 1,
    model: str = "ple",
    classes: list[str | int] = CLASSES,
) -> Path:
    """Writes a run of one multiclass task with these labels and its true accuracy.

    The probability of each class depends on the seed alone, and not on the order of
    `classes`; it is 0 for a class that is not in `CLASSES`.
    """
    rng = np.random.default_rng(seed)
    predictions = rng.dirichlet(np.ones(3), len(POSITIONS))
    known = ~np.isnan(POSITIONS)
    value = accuracy(POSITIONS[known], predictions[known], np.ones(known.sum()))
    scores = {"test": {"level": {"accuracy": value, "rows": int(known.sum())}}}
    tasks = {"level": TASKS["level"] | {"classes": classes}}
    run = write_run(folder, model, seed, scores, data_hash=model, dataset__tasks=tasks)
    columns = {"row": np.arange(1, len(POSITIONS) + 1), "level": labels}
    by_class = dict(zip(CLASSES, predictions.T, strict=True))
    in_order = [by_class.get(c, np.zeros(len(predictions))) for c in classes]
    columns["level_prediction"] = list(np.stack(in_order, axis=1))
    pd.DataFrame(columns).to_parquet(run / "predictions.parquet")
    return run


TASKS = {"level": {"label": "level", "kind": "multiclass", "classes": CLASSES}}
CONFIG = {"dataset": {"tasks": TASKS}}
WRITTEN = {
    "names": pd.Categorical(NAMES, categories=["low", "mid, or so", "7"]),
    "names as text": NAMES,
}


@pytest.mark.parametrize("labels", WRITTEN.values(), ids=list(WRITTEN))
def test_names_are_read_as_positions_in_the_list_of_classes(labels, tmp_path):
    run = read_run(run_with(tmp_path / "run", labels))
    rows, *_ = read_one_run(run, "level", {}, needs_groups=False)
    assert rows.label.tolist() == [0, 2, 1, 1, 0]
    assert rows.row_numbers.tolist() == [1, 2, 3, 5, 6]
    other = read_run(run_with(tmp_path / "other", NAMES))
    assert have_equal_test_rows(read_test_rows([run]), read_test_rows([other]))
    changed = read_run(run_with(tmp_path / "changed", [*NAMES[:-1], "7"]))
    assert not have_equal_test_rows(read_test_rows([run]), read_test_rows([changed]))


def test_classes_of_a_run_are_read_once(tmp_path, monkeypatch):
    # Each label column of each task read the whole config.yaml again.
    run = read_run(run_with(tmp_path / "run", WRITTEN["names"]))
    reads = []
    monkeypatch.setattr(runs, "read_config", lambda path: reads.append(path) or CONFIG)
    for _ in range(2):
        read_one_run(run, "level", {}, needs_groups=False)
        read_test_rows([run])
    assert reads == [tmp_path / "run"]


def test_name_that_is_no_class_is_damage(tmp_path):
    run = run_with(tmp_path / "run", ["low", "7", "else", None, "low", "low"])
    with pytest.raises(UnusableError, match="is damaged"):
        read_one_run(read_run(run), "level", {}, needs_groups=False)
    (run / "config.yaml").write_text(yaml.safe_dump({"dataset": {"tasks": {}}}))
    with pytest.raises(UnusableError, match="is damaged"):
        read_one_run(read_run(run), "level", {}, needs_groups=False)


def test_classes_are_compared_by_name_in_any_order(tmp_path, capsys):
    # The runs made two data sets, because the positions of the labels differed.
    other_order = ["new", 7, "low", "mid, or so"]
    for model, classes in (("ple", CLASSES), ("mmoe", other_order)):
        for seed in (1, 2):
            folder = tmp_path / f"{model}-{seed}"
            run_with(folder, NAMES, seed, model, classes)
    for configuration in compared(capsys, tmp_path)["configurations"]:
        difference = configuration["tasks"]["level"]["to_baseline"]
        assert difference is None or difference["paired_difference"] == 0


def test_predictions_without_scored_rows_cannot_be_tested(tmp_path, capsys):
    empty = {"row": [], "click": [], "click_prediction": []}
    for model in ("shared_bottom", "ple"):
        for seed in (1, 2):
            scores = {"test": {"click": {"log_loss": 0.5 + seed / 100, "rows": 9}}}
            run = write_run(tmp_path / f"{model}-{seed}", model, seed, scores)
            pd.DataFrame(empty).to_parquet(run / "predictions.parquet")
    warnings = compared(capsys, tmp_path)["warnings"]
    assert any("predictions.parquet has no scored rows" in line for line in warnings)


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        # A metric of several predictions per row.
        ("accuracy", "does not hold predictions for accuracy"),
        # The comparison ended in a TypeError.
        ("truth_rmse", "does not hold true probabilities"),
    ],
)
def test_metric_of_columns_that_the_file_lacks_is_not_tested(
    metric, reason, tmp_path, capsys
):
    columns = {"row": [1, 2], "click": [0.0, 1.0], "click_prediction": [0.1, 0.2]}
    for model in ("shared_bottom", "ple"):
        for seed in (1, 2):
            scores = {"test": {"click": {metric: 0.5 + seed / 100, "rows": 2}}}
            run = write_run(tmp_path / f"{model}-{seed}", model, seed, scores)
            pd.DataFrame(columns).to_parquet(run / "predictions.parquet")
    warnings = compared(capsys, tmp_path)["warnings"]
    assert any(f"predictions.parquet {reason}" in line for line in warnings)


@pytest.mark.parametrize(("max_bytes", "num_openings"), [(10_000, 1), (100, 3)])
def test_file_is_opened_once_for_all_tasks_if_its_table_is_small(
    max_bytes, num_openings, tmp_path, monkeypatch
):
    columns = {"row": [1, 2], "click": [0.0, 1.0], "buy": [1.0, 0.0]}
    pd.DataFrame(columns).to_parquet(tmp_path / "predictions.parquet")
    openings = []

    def counted(*arguments):
        openings.append(arguments)
        return read_predictions(*arguments)

    monkeypatch.setattr(module, "read_predictions", counted)
    monkeypatch.setattr(module, "MAX_KEPT_BYTES", max_bytes)
    tables = {}
    for name in columns:
        table = module.read_columns(tmp_path, {name, "no_column"}, tables)
        assert table[name].to_pylist() == columns[name]
    assert len(openings) == num_openings


def test_damaged_column_costs_only_its_task(tmp_path, monkeypatch):
    columns = {"row": [1, 2], "click": [0.0, 1.0], "buy": [1.0, 0.0]}
    pd.DataFrame(columns).to_parquet(tmp_path / "predictions.parquet")

    def fails_at_buy(run, choose):
        table = read_predictions(run, choose)
        if "buy" in table.column_names:
            raise ValueError("damaged")
        return table

    monkeypatch.setattr(module, "read_predictions", fails_at_buy)
    tables = {}
    table = module.read_columns(tmp_path, {"row", "click"}, tables)
    assert table["click"].to_pylist() == columns["click"]
    with pytest.raises(ValueError, match="damaged"):
        module.read_columns(tmp_path, {"buy"}, tables)


def test_run_in_a_folder_whose_name_is_not_utf_8_has_its_predictions(
    tmp_path: Path,
) -> None:
    run = run_with(tmp_path / "run", NAMES)
    expected = read_predictions(run, list)
    renamed = run.rename(tmp_path / os.fsdecode(b"run\xff"))
    assert read_predictions(renamed, list).equals(expected)
