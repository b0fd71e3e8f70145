"""The predictions of many tasks are read with few openings of a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mtl_cli.comparison import prediction_files
from mtl_cli.comparison.prediction_files import PredictionFiles

TASKS = [f"task_{i}" for i in range(10)]
ROWS = 20
NAMES = [name for task in TASKS for name in (task, f"{task}_prediction")]


@pytest.fixture
def frame(tmp_path: Path) -> pd.DataFrame:
    random = np.random.default_rng(0)
    columns = {"row": np.arange(ROWS)} | {name: random.random(ROWS) for name in NAMES}
    frame = pd.DataFrame(columns)
    frame.to_parquet(tmp_path / "predictions.parquet")
    return frame


def openings(
    folder: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """Reads all tasks one by one; returns the number of columns of each opening."""
    read, numbers = prediction_files.read_predictions, list[int]()

    def counted(*arguments: Any) -> Any:
        table = read(*arguments)
        numbers.append(table.num_columns)
        return table

    monkeypatch.setattr(prediction_files, "read_predictions", counted)
    files = PredictionFiles()
    for task in TASKS:
        names = {"row", task, f"{task}_prediction", "group", "no_column"}
        table = files.read(folder, names)
        expected = frame[[name for name in frame if name in names]]
        pd.testing.assert_frame_equal(table.to_pandas()[list(expected)], expected)
        assert set(table.column_names) == set(expected)
    return numbers


def test_a_small_file_is_opened_once_more_for_all_tasks_behind_the_first(
    tmp_path: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert openings(tmp_path, frame, monkeypatch) == [3, 1 + 2 * len(TASKS)]


def test_a_large_file_is_not_kept_in_memory(
    tmp_path: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_files, "MAX_KEPT_CELLS", ROWS * len(NAMES))
    assert openings(tmp_path, frame, monkeypatch) == [3] * len(TASKS)


def test_damaged_column_costs_only_its_task(
    tmp_path: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = prediction_files.read_predictions

    def fails(run: Path, choose: Any) -> Any:
        table = read(run, choose)
        if "task_5" in table.column_names:
            raise ValueError("damaged")
        return table

    monkeypatch.setattr(prediction_files, "read_predictions", fails)
    files = PredictionFiles()
    for task in TASKS:
        if task == "task_5":
            with pytest.raises(ValueError, match="damaged"):
                files.read(tmp_path, {task})
        else:
            cells = files.read(tmp_path, {task})[task].to_pylist()
            assert cells == frame[task].to_list()
