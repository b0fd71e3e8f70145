"""The page of `mtl-compare --html`: complete, self-contained, escaped."""

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.html_tags import Tags, check_self_contained, tags_of
from helpers.planted_runs import auc, write_history, write_run, write_sweep

from mtl_cli.cli.compare import arguments, compare
from mtl_cli.comparison.compare_datasets import Question, compare_datasets
from mtl_cli.comparison.find_runs import read_runs
from mtl_cli.comparison.intervals import mean_interval
from mtl_cli.comparison.plots import (
    TradeOffPoint,
    front_points,
    interval_plot,
    learning_curves,
    setting_plot,
)
from mtl_cli.comparison.task import Task

NASTY = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def page_of(folder: Path) -> tuple[str, Tags]:
    path = folder / "page.html"
    assert compare(arguments([str(folder), "--html", str(path)])) == 0
    text = path.read_text("utf-8")
    return text, tags_of(text)


def test_setting_that_differs_only_without_a_task_is_not_plotted_for_it(
    tmp_path: Path,
) -> None:
    both, one = {"click": auc(0.8), "buy": auc(0.7)}, {"click": auc(0.8)}
    write_run(tmp_path / "0", "ple", 1, {"test": both})
    for epochs in (4, 5):
        name, settings = str(epochs), {"trainer__epochs": epochs}
        write_run(tmp_path / name, "mmoe", 1, {"test": one}, **settings)
    text, _ = page_of(tmp_path)
    assert "trainer.epochs and click" in text
    assert "trainer.epochs and buy" not in text


def test_name_of_a_folder_that_is_not_utf_8_is_written(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"runs\xff")
    for name in ("0", "1"):
        write_run(folder / name, "ple", 1, {"test": {"click": auc(0.8)}})
    (folder / "0" / "config.yaml").write_text("[")
    text, _ = page_of(folder)
    assert "runs /0 (config.yaml is damaged)" in text


def test_the_page_has_every_part(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path, {"shared_bottom": 0.8, "ple": 0.82})
    write_history(sweep / "0")
    gate = {"level": "level_1", "task": "click", "weights": {"shared 1": 0.97}}
    gate |= {"unused": [], "polarised": "shared 1", "rows": 5}
    gate |= {"entropy_of_mean": 0.2, "mean_entropy": 0.1}
    use = {"gates": [gate], "dead": ["level_1 shared 2"], "rows": 5}
    (sweep / "3" / "gates.json").write_text(json.dumps(use))
    text, tags = page_of(sweep)
    heads = re.findall("<h2>(.*?)</h2>", text)
    assert heads == [
        "What is real",
        "Leaderboard",
        "Seeds",
        "Trade-off between tasks",
        "Learning curves",
        "Gates",
        "Training",
        "Configurations",
    ]
    assert "ple is better than shared_bottom" in text
    assert "a dead expert; a polarised gate" in text
    assert "--w:97%" in text
    dots = [a for tag, a in tags if tag == "circle" and "seed" in a["class"]]
    assert len(dots) == 12  # 6 runs, 2 tasks


def test_page_says_on_which_rows_a_task_is_scored(tmp_path: Path) -> None:
    for model in ("shared_bottom", "ple"):
        scores = {"click": auc(0.8), "buy": auc(0.7, space="click = 1")}
        write_run(tmp_path / model, model, 1, {"test": scores})
    text, _ = page_of(tmp_path)
    for part in (
        "<h3>buy (click = 1): auc, higher is better</h3>",
        '<th class="group start" colspan="2">buy (click = 1)</th>',
        "<h3>buy (click = 1)</h3>",
        "click against buy (click = 1)",
    ):
        assert part in text
    scores = {"buy": auc(0.7, space="view = 1")}
    write_run(tmp_path / "mmoe", "mmoe", 1, {"test": scores})
    assert "buy (" not in page_of(tmp_path)[0]  # the runs differ


def test_page_lists_the_settings_that_are_the_same_in_all_configurations(
    tmp_path: Path,
) -> None:
    for model, epochs in (("shared_bottom", 9), ("ple", 10)):
        settings = {"trainer__epochs": epochs, "trainer__batch_size": 77}
        scores = {"test": {"click": auc(0.8)}}
        write_run(tmp_path / model, model, 1, scores, **settings)
    text = page_of(tmp_path)[0]
    assert "Settings that differ: model.name, trainer.epochs." in text
    shared = text[text.index("that all configurations share") :]
    assert '<td class="text">trainer.batch_size</td><td class="text">77</td>' in shared
    assert "trainer.epochs" not in shared and "model.name" not in shared


def test_page_says_that_histories_are_missing(tmp_path: Path) -> None:
    write_sweep(tmp_path, {"shared_bottom": 0.8, "ple": 0.82})
    text, _ = page_of(tmp_path)
    assert "No run has validation metrics in its history.csv." in text
    assert "Gates" not in text


def test_page_requests_no_network_address(tmp_path: Path) -> None:
    write_sweep(tmp_path, {"shared_bottom": 0.8, "ple": 0.82})
    check_self_contained(page_of(tmp_path)[0])


def test_all_that_comes_from_data_is_escaped(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        for rate in (NASTY, "plain"):
            scores = {"test": {NASTY: auc(0.8 + seed / 100)}}
            name = f"{'n' if rate == NASTY else 'p'}{seed}"
            settings = {"optimizer__learning_rate": rate, "dataset__name": NASTY}
            write_run(tmp_path / name, NASTY, seed, scores, **settings)
    gate = {"level": NASTY, "task": NASTY, "weights": {NASTY: 0.5}}
    gate |= {"unused": [], "polarised": None}
    use = json.dumps({"gates": [gate], "dead": []})
    (tmp_path / "n1" / "gates.json").write_text(use)
    check_self_contained(page_of(tmp_path)[0])


@pytest.mark.parametrize("text", ["[]", "{", '{"gates": 3, "dead": []}'])
def test_damaged_gates_are_left_out(tmp_path: Path, text: str) -> None:
    sweep = write_sweep(tmp_path, {"shared_bottom": 0.8, "ple": 0.82})
    (sweep / "0" / "gates.json").write_text(text)
    assert "<h2>Gates" not in page_of(sweep)[0]


def test_no_point_beats_a_point_of_the_pareto_front_on_both_tasks() -> None:
    means = [(1, 1), (2, 0), (0, 2), (0, 0), (1, 1)]
    points = [
        TradeOffPoint(i, mean_interval([x]), mean_interval([y]))
        for i, (x, y) in enumerate(means)
    ]
    for direction, front in ((1, [0, 1, 2, 4]), (-1, [3])):
        on_front = front_points(points, direction, direction)
        assert [point.config_index for point in on_front] == front


def test_metric_without_a_direction_has_no_pareto_front(tmp_path: Path) -> None:
    for model, pcoc in (("shared_bottom", 0.9), ("ple", 1.2), ("mmoe", 1.0)):
        scores = {task: {"pcoc": pcoc, "auc": pcoc / 2} for task in ("click", "buy")}
        write_run(tmp_path / model, model, 1, {"test": scores})
    page = tmp_path / "page.html"
    for metric, has_front in (("pcoc", False), ("auc", True)):
        options = [str(tmp_path), "--metric", metric, "--html", str(page)]
        assert compare(arguments(options)) == 0
        text = page.read_text("utf-8")
        classes = [a.get("class", "") for _, a in tags_of(text)]
        assert ("front" in classes) == has_front
        assert any("onfront" in name for name in classes) == has_front


@pytest.mark.parametrize(("direction", "low", "high"), [(1, 3, 10), (-1, 1, 8)])
def test_learning_curves_leave_out_the_worst_fifth_of_the_values(
    direction: int, low: float, high: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_of(values: range) -> Any:
        rows = [{"epoch": n, "valid.buy.auc": n} for n in values]
        return SimpleNamespace(history=rows)

    runs = {1: run_of(range(1, 6)), 2: run_of(range(6, 11))}
    configuration = SimpleNamespace(name="ple", runs=runs)
    comparison: Any = SimpleNamespace(configurations=[configuration])
    axes: list[list[float]] = []

    def plot(*arguments: Any) -> Any:
        axes.append(arguments[-1])
        return SimpleNamespace(chart=lambda: None)

    monkeypatch.setattr("mtl_cli.comparison.plots.LinePlot", plot)
    learning_curves(comparison, Task("buy", "auc", direction, []))
    assert (min(axes[0]), max(axes[0]), len(axes[0])) == (low, high, 8)


def test_line_through_the_chart_of_seeds_is_at_the_mean_of_the_baseline(
    tmp_path: Path,
) -> None:
    sweep = write_sweep(tmp_path, {"ple": 0.82, "shared_bottom": 0.8, "mmoe": 0.7})
    (comparison,) = compare_datasets(read_runs([str(sweep)]), Question())
    chart = interval_plot(comparison, comparison.tasks[0]).chart()
    means = {m.tooltip: m.attributes["cx"] for m in chart.marks if m.tag == "circle"}
    lines = [m.attributes for m in chart.marks if m.tag == "line"]
    (line,) = [ends for ends in lines if ends["class"] == "reference"]
    assert line["x1"] == line["x2"] == means["shared_bottom"]


def test_plot_of_a_setting_has_a_row_for_each_value_with_its_mean(
    tmp_path: Path,
) -> None:
    values = [(10, "mmoe", 0.6), (9, "mmoe", 0.7), (9, "ple", 0.8)]
    for epochs, model, value in values:
        scores = {"test": {"click": auc(value)}}
        folder = tmp_path / f"{model}{epochs}"
        write_run(folder, model, 1, scores, trainer__epochs=epochs)
    (comparison,) = compare_datasets(read_runs([str(tmp_path)]), Question())
    plot = setting_plot(comparison, "trainer.epochs", comparison.tasks[0])
    assert plot is not None
    rows = [(bar.name, bar.value, bar.low, bar.high) for bar in plot.bars]
    assert rows == [("9", pytest.approx(0.75), 0.7, 0.8), ("10", 0.6, 0.6, 0.6)]
    assert setting_plot(comparison, "trainer.patience", comparison.tasks[0]) is None
