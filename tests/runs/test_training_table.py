"""Tables are known as the training table of a run."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.planted_data import config, parquet, values

from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_files
from mtl_cli.evaluation.open_table import training_rows_remark
from mtl_cli.runs.next_commands import next_commands
from mtl_cli.runs.read_data import earlier_rows_warnings
from mtl_cli.runs.training_table import is_training_table, run_trained_on

FEATURES = {"price": {"kind": "dense"}}
TASKS = {"click": {"label": "click", "kind": "binary"}}


def chosen(train: Path, test: Path, *settings: str) -> Any:
    return config(
        values(str(train), FEATURES, TASKS, test=str(test), valid_fraction=0.5),
        *settings,
    )


def finished_run(folder: Path, config: Any) -> Path:
    """Writes the files of a run that tell which rows it was trained on."""
    (folder / "model").mkdir(parents=True)
    spec = json.dumps(config.model_dump(mode="json"))
    (folder / "model" / "spec.json").write_text(spec)
    tables = {
        name: find_files(name, location, "parquet")
        for name, location in config.dataset.locations.items()
    }
    environment = json.dumps({"data_hash": hash_files(tables)})
    (folder / "environment.json").write_text(environment)
    return folder


def test_run_with_a_table_that_cannot_be_looked_up_is_not_known(tmp_path: Path) -> None:
    # Like a file in the folder of another user, such a long name raises an `OSError`.
    other_table = {"test": f"{'x' * 300}.csv", "test_fraction": 0.0}
    settings = values("x.parquet", FEATURES, TASKS, **other_table)
    dataset = config(settings).dataset
    assert not is_training_table(str(tmp_path / "table.csv"), dataset, tmp_path)


def test_training_table_is_known_if_the_test_rows_fill_a_folder(tmp_path: Path) -> None:
    train = parquet(tmp_path, {"price": [1.0, 2.0], "click": [0, 1]})
    (tmp_path / "test").mkdir()
    parquet(tmp_path / "test", {"price": [3.0, 4.0], "click": [0, 1]}, "1.parquet")
    run = chosen(train, tmp_path / "test")
    finished_run(tmp_path, run)
    assert is_training_table(str(train), run.dataset, tmp_path)
    test = str(tmp_path / "test" / "1.parquet")
    assert not is_training_table(test, run.dataset, tmp_path)


@pytest.fixture
def days(tmp_path: Path) -> list[Path]:
    """The files of four days."""
    return [
        parquet(tmp_path, {"price": [float(i), 2.0], "click": [0, 1]}, f"{i}.parquet")
        for i in range(4)
    ]


def test_rows_that_the_earlier_run_was_trained_on_are_told(
    days: list[Path], tmp_path: Path
) -> None:
    earlier = finished_run(tmp_path / "earlier", chosen(days[1], days[2]))
    start = f"start_from.run={earlier}"
    copy = Path(shutil.copy(days[1], tmp_path / "copy.parquet"))
    holds = f"holds the rows that {earlier}, the earlier run, was trained on"
    (warning,) = earlier_rows_warnings(chosen(days[0], copy, start))
    assert warning.startswith(f"dataset.test {holds}, so the scores of these test rows")
    (warning,) = earlier_rows_warnings(chosen(copy, days[3], start))
    assert warning.startswith(
        f"dataset.train {holds}, so this run trains on them again"
    )
    assert earlier_rows_warnings(chosen(days[2], days[3], start)) == []
    assert earlier_rows_warnings(chosen(days[1], days[1])) == []


def test_run_and_its_earlier_run_are_not_scored_on_their_training_rows(
    days: list[Path], tmp_path: Path
) -> None:
    first = finished_run(tmp_path / "first", chosen(days[0], days[1]))
    start = f"start_from.run={first}"
    second = finished_run(tmp_path / "second", chosen(days[1], days[2], start))
    assert run_trained_on(str(days[0]), second) == first
    assert run_trained_on(str(days[1]), second) == second
    assert run_trained_on(str(days[2]), second) is None
    assert f"rows that {first}, the earlier run, was" in training_rows_remark(
        second, first
    )

    def next_command(test: Path) -> str:
        third = chosen(days[2], test, f"start_from.run={second}")
        return next_commands(third, tmp_path, [])[0][0]

    assert next_command(days[3]) == f"mtl-evaluate {second} {days[3]}"
    for test in days[:2]:
        assert next_command(test).startswith("mtl-train -m")
