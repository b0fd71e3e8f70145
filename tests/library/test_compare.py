"""`mtl_cli.compare`: what `mtl-compare` says, for Python."""

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers.planted_runs import auc, write_run

import mtl_cli
from mtl_cli.cli.compare import arguments
from mtl_cli.cli.compare import compare as run_command


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Runs of two models, three seeds each."""
    for seed in (1, 2, 3):
        for model, mean in (("shared_bottom", 0.8), ("ple", 0.82)):
            scores = {"test": {"click": auc(mean + seed / 1e4)}}
            write_run(tmp_path / f"{model}{seed}", model, seed, scores)
    return tmp_path


def test_frame_holds_what_the_command_writes_as_csv(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    comparison = mtl_cli.compare(sweep, baseline="model=ple", metric="auc")
    command = [str(sweep), "--baseline", "model=ple", "--metric", "auc", "--csv"]
    assert run_command(arguments(command)) == 0
    expected = pd.read_csv(io.StringIO(capsys.readouterr().out))
    frame = comparison.to_frame()
    assert set(frame.pop("dataset")) == {"shop"}
    pd.testing.assert_frame_equal(frame[list(expected)], expected, check_dtype=False)
    assert frame.drop(columns=list(expected)).isna().all(axis=None)
    assert list(frame["model.name"]) == ["ple", "shared_bottom"]
    assert frame["mean"].tolist() == pytest.approx([0.8202, 0.8002])
    assert len(comparison.datasets) == 1


def test_single_runs_can_be_named_by_run_and_by_folder(sweep: Path) -> None:
    runs = [mtl_cli.Run(sweep / "ple1"), sweep / "ple2"]
    some = mtl_cli.compare(runs, str(sweep / "shared_bottom1"))
    assert some.to_frame()["seeds"].tolist() == [2, 1]
    assert any("seed" in warning for warning in some.warnings)
    assert "| ple | 2 |" in str(some)


def test_validation_rows_are_compared_if_no_run_has_test_rows(tmp_path: Path) -> None:
    write_run(tmp_path / "ple", "ple", 1, {"valid": {"click": auc(0.8)}})
    comparison = mtl_cli.compare(tmp_path)
    assert comparison.datasets[0].split == "valid"
    assert any("has scores on test rows" in w for w in comparison.warnings)


@pytest.mark.parametrize("tasks", ["click", pd.Index(["click"])])
def test_tasks_are_named_by_a_text_or_a_collection(sweep: Path, tasks: Any) -> None:
    frame = mtl_cli.compare(sweep, tasks=tasks).to_frame()
    assert set(frame["task"]) == {"click"}


@pytest.mark.parametrize("plugins", ["nowhere", pd.Index(["nowhere"])])
def test_plugins_are_named_by_a_path_or_a_collection(sweep: Path, plugins: Any) -> None:
    with pytest.raises(mtl_cli.ConfigError, match="there is no folder nowhere"):
        mtl_cli.compare(sweep, plugins=plugins)
    with pytest.raises(mtl_cli.ConfigError, match="there is no folder nowhere"):
        mtl_cli.load(sweep, plugins=plugins)


def test_wrong_names_are_told_as_by_the_command(sweep: Path) -> None:
    with pytest.raises(mtl_cli.ConfigError, match="nowhere"):
        mtl_cli.compare(sweep / "nowhere")
    with pytest.raises(mtl_cli.ConfigError, match="aucc"):
        mtl_cli.compare(sweep, metric="aucc")
    with pytest.raises(mtl_cli.ConfigError, match="no run has scores of the task"):
        mtl_cli.compare(sweep, tasks="clik")
    wrong_type: Any = ["auc"]
    with pytest.raises(mtl_cli.ConfigError, match="compare: metric: expected str"):
        mtl_cli.compare(sweep, metric=wrong_type)
