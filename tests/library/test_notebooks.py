"""What notebooks show of results: tables as HTML, and figures of matplotlib."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from helpers.html_tags import check_fragment
from helpers.planted_runs import auc, write_history, write_run

import mtl_cli
from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.pages.figures import NotebookFigure

NASTY = "</div><script>alert(1)</script>\"'><img src=x onerror=alert(1)> $\\frac$"
SCORES = {
    "valid": {"click": auc(0.7), "buy": auc(0.6, space="click = 1")},
    "test": {"click": auc(0.71234), "buy": auc(0.65, space="click = 1", mae=1234.5)},
}


@pytest.fixture
def run(tmp_path: Path) -> mtl_cli.Run:
    folder = write_run(tmp_path / "first", "ple", 1, SCORES)
    write_history(folder, epochs=4)
    return mtl_cli.Run(folder)


def evaluation(task: str = "click", slice_name: str = "Rome") -> Evaluation:
    """An evaluation of one task, with slices and buckets of calibration."""
    metric = {"value": 0.8, "low": 0.7, "high": 0.9, "method": "delong"}
    buckets = {"predicted": [0.1, 0.6], "actual": [0.2, 0.5]}
    result: dict[str, Any] = {
        "main_metric": "auc",
        "rows": 1000,
        "positives": 300,
        "space": "seen = 1",
        "metrics": {"auc": metric},
        "calibration": {"buckets": buckets},
        "weakest_slice": None,
    }
    record: dict[str, Any] = {"column": "city", "slice": slice_name, "task": task}
    record |= {"metric": "auc", "rows": 9, "positives": 3, "ratio": None, **metric}
    record |= {"p_corrected": None, "metrics": {"auc": 0.8}}
    return Evaluation("run", "may.csv", 1000, {task: result}, [record])


@pytest.fixture(autouse=True)
def unchanged_matplotlib() -> Iterator[None]:
    """Checks that a test leaves no figure of pyplot and changes no setting."""
    settings = copy.deepcopy(dict(mpl.rcParams))
    yield
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == settings


def lines_of(figure: Any) -> list[list[tuple[list[float], list[float]]]]:
    """The points of each line of each panel."""
    return [
        [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]
        for axes in figure.axes
    ]


def test_run_shows_its_scores_with_test_rows_first(run: mtl_cli.Run) -> None:
    html = run._repr_html_()
    check_fragment(html)
    assert html.index("Scores on test rows") < html.index("Scores on valid rows")
    for text in ("0.7123", "1,234.5", "buy (click = 1)", "<td>300</td>", "first"):
        assert text in html
    metrics = json.loads((run.folder / "metrics.json").read_text())
    for score in metrics["valid"].values():
        assert f"{score['auc']:.4f}" in html


def test_run_plots_losses_and_metrics_by_epoch(run: mtl_cli.Run) -> None:
    figure = run.plot()
    losses, metrics = lines_of(figure)
    assert losses == [([1, 2, 3, 4], [1, 1 / 2, 1 / 3, 1 / 4])]
    assert metrics[0] == ([1, 2, 3, 4], pytest.approx([0.81, 0.82, 0.83, 0.84]))
    assert metrics[1][0] == [3, 3]  # the best epoch's weights are kept
    assert isinstance(figure, NotebookFigure)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_run_without_early_stopping_keeps_its_last_epoch(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "r", "ple", 1, SCORES, trainer__patience=None)
    write_history(folder, epochs=4)
    assert lines_of(mtl_cli.Run(folder).plot())[1][1][0] == [4, 4]


@pytest.mark.parametrize("text", ["seed: 1", "trainer: 5", "a: ["])
def test_plot_names_a_damaged_configuration(run: mtl_cli.Run, text: str) -> None:
    (run.folder / "config.yaml").write_text(text)
    with pytest.raises(mtl_cli.DataError, match=r"config.yaml is damaged"):
        run.plot()


def test_run_that_cannot_be_read_says_so_in_the_notebook(run: mtl_cli.Run) -> None:
    (run.folder / "metrics.json").write_text('{"test": {"click": {"auc": "x"}}}')
    (run.folder / "history.csv").write_text("epoch,best\n")
    html = run._repr_html_()
    check_fragment(html)
    assert "metrics.json is damaged" in html
    with pytest.raises(mtl_cli.DataError, match=r"history.csv is damaged"):
        run.plot()
    (run.folder / "metrics.json").unlink()
    assert "no such file" in mtl_cli.Run(run.folder)._repr_html_()
    (run.folder / "config.yaml").write_text("check_only: true")
    assert "only checked its data" in mtl_cli.Run(run.folder)._repr_html_()


def test_comparison_shows_the_leaderboard_and_the_verdicts(tmp_path: Path) -> None:
    for model, value in (("shared_bottom", 0.7), ("ple", 0.8)):
        for seed in (1, 2, 3):
            scores = {"test": {"buy": auc(value + seed / 1e3, space="click = 1")}}
            write_run(tmp_path / f"{model}{seed}", model, seed, scores)
    comparison = mtl_cli.compare(tmp_path)
    html = comparison._repr_html_()
    check_fragment(html)
    for text in ("0.8020", "★", "ple is better than shared_bottom", "buy (click = 1)"):
        assert text in html
    ((first, mean, second, _, baseline),) = lines_of(comparison.plot())
    assert mean == ([pytest.approx(0.802)], [0])  # ple is the first in its folder
    assert first[0][0] < 0.802 < first[0][1] and second[1] == [1, 1]
    assert baseline[0] == pytest.approx([0.702, 0.702])


def test_evaluation_shows_its_tables_and_plots_its_calibration() -> None:
    html = evaluation()._repr_html_()
    check_fragment(html)
    for text in ("0.8000 ±0.1000", "click (seen = 1)", "By city", "Rome", "may.csv"):
        assert text in html
    ((line, *_),) = lines_of(evaluation().plot())
    assert line == ([0.1, 0.6], [0.2, 0.5])
    with pytest.raises(mtl_cli.DataError, match="no task has rows to score"):
        Evaluation("run", "may.csv", 0, {}).plot()


def test_all_that_comes_from_data_is_escaped(tmp_path: Path) -> None:
    scores = {"test": {NASTY: auc(0.8, space=NASTY)}}
    for seed in (1, 2):
        settings = {"dataset__name": NASTY}
        write_run(tmp_path / str(seed), NASTY, seed, scores, **settings)
    history = {"epoch": 1, "best": True, f"loss.{NASTY}": 1.0, f"valid.{NASTY}.auc": 1}
    header = ",".join('"' + name.replace('"', '""') + '"' for name in history)
    text = f"{header}\n{','.join(map(str, history.values()))}\n"
    (tmp_path / "1" / "history.csv").write_text(text)
    comparison, run = mtl_cli.compare(tmp_path), mtl_cli.Run(tmp_path / "1")
    for result in (comparison, run, evaluation(NASTY, NASTY)):
        check_fragment(result._repr_html_())
        assert result.plot()._repr_png_()  # a dollar begins no formula
