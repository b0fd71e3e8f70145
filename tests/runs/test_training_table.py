"""Tables are known as the training table of a run."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.planted_data import config, parquet, values

from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_table
from mtl_cli.data.load import load
from mtl_cli.runs.earlier_run import read_hashes
from mtl_cli.runs.provenance import environment
from mtl_cli.runs.read_data import earlier_rows_warnings
from mtl_cli.runs.training_table import run_trained_on, training_tables

FEATURES = {"price": {"kind": "dense"}}
TASKS = {"click": {"label": "click", "kind": "binary"}}


def chosen(train: Path, test: Path, *settings: str) -> Any:
    return config(
        values(str(train), FEATURES, TASKS, test=str(test), valid_fraction=0.5),
        *settings,
    )


def hash_of(train: str) -> str:
    return hash_table("train", find_files("TABLE", train, "auto"))


def finished_run(folder: Path, config: Any) -> Path:
    """Writes the files of a run that tell which rows it was trained on."""
    (folder / "model").mkdir(parents=True)
    spec = json.dumps(config.model_dump(mode="json"))
    (folder / "model" / "spec.json").write_text(spec)
    environment = json.dumps({"train_hash": hash_of(config.dataset.train)})
    (folder / "environment.json").write_text(environment)
    return folder


@pytest.fixture
def days(tmp_path: Path) -> list[Path]:
    """The files of four days."""
    return [
        parquet(tmp_path, {"price": [float(i), 2.0], "click": [0, 1]}, f"{i}.parquet")
        for i in range(4)
    ]


def test_training_table_is_known_without_the_files_that_the_run_names(
    days: list[Path], tmp_path: Path
) -> None:
    # A run of somebody else could name a pattern that matches files without end.
    train = tmp_path / "train.parquet"
    shutil.copy(days[0], train)
    run = finished_run(tmp_path / "run", chosen(train, tmp_path / "missing" / "*"))
    train.unlink()
    assert run_trained_on(str(days[0]), "auto", run) == str(run)
    assert run_trained_on(str(days[1]), "auto", run) is None
    assert run_trained_on(str(train), "auto", run) is None
    (run / "environment.json").write_text("{}")  # of a run before 0.2.0
    assert run_trained_on(str(days[0]), "auto", run) is None


def test_recorded_training_table_is_the_one_that_was_read(
    days: list[Path], tmp_path: Path
) -> None:
    train = Path(shutil.copy(days[0], tmp_path / "train.parquet"))
    configured = config(values(str(train), FEATURES, TASKS))
    data = load(configured.dataset, configured.outputs)
    train.unlink()
    record = environment(configured, data)
    assert record["train_hash"] == hash_of(str(days[0]))


def test_rows_that_the_earlier_run_was_trained_on_are_told(
    days: list[Path], tmp_path: Path
) -> None:
    earlier = finished_run(tmp_path / "earlier", chosen(days[1], days[2]))
    start = f"start_from.run={earlier}"
    copy = Path(shutil.copy(days[1], tmp_path / "copy.parquet"))
    holds = f"holds the rows that {earlier}, an earlier run, was trained on"
    (warning,) = earlier_rows_warnings(chosen(days[0], copy, start))
    assert warning.startswith(f"dataset.test {holds}")
    (warning,) = earlier_rows_warnings(chosen(copy, days[3], start))
    assert warning.startswith(f"dataset.train {holds}")
    assert earlier_rows_warnings(chosen(days[2], days[3], start)) == []
    assert earlier_rows_warnings(chosen(days[1], days[1])) == []


def test_run_and_its_earlier_run_are_not_scored_on_their_training_rows(
    days: list[Path], tmp_path: Path
) -> None:
    first = finished_run(tmp_path / "first", chosen(days[0], days[1]))
    start = f"start_from.run={first}"
    second = finished_run(tmp_path / "second", chosen(days[1], days[2], start))
    assert run_trained_on(str(days[0]), "auto", second) == str(first)
    assert run_trained_on(str(days[1]), "auto", second) == str(second)
    assert run_trained_on(str(days[2]), "auto", second) is None
    start = f"start_from.run={second}"
    third = finished_run(tmp_path / "third", chosen(days[2], days[3], start))
    # Without a record of the earlier runs, only one earlier run is known.
    assert list(training_tables(third).values()) == [str(second), str(third)]
    itself = tmp_path / "itself"
    forged = chosen(days[1], days[2], f"start_from.run={itself}")
    expected = {hash_of(str(days[1])): str(itself)}
    assert training_tables(finished_run(itself, forged)) == expected


def test_rows_of_all_earlier_runs_are_known_without_their_folders(
    days: list[Path], tmp_path: Path
) -> None:
    run = finished_run(tmp_path / "0", chosen(days[0], days[1]))
    for day in (1, 2):
        record = {"train_hash": hash_of(str(days[day])), "start_from": read_hashes(run)}
        start = f"start_from.run={run}"
        run = finished_run(tmp_path / f"{day}", chosen(days[day], days[3], start))
        (run / "environment.json").write_text(json.dumps(record))
    # A path may be relative to another folder, or a link that now leads elsewhere.
    shutil.rmtree(tmp_path / "0")
    shutil.rmtree(tmp_path / "1")
    finished_run(tmp_path / "1", chosen(days[3], days[3]))
    found = [run_trained_on(str(day), "auto", run) for day in days]
    assert found == ["0", "1", str(run), None]
    assert run_trained_on([str(days[3]), str(days[1])], "auto", run) == "1"
    day4 = chosen(days[3], days[0], f"start_from.run={run}")
    (warning,) = earlier_rows_warnings(day4)
    assert "dataset.test holds the rows that 0, an earlier run, was trained" in warning
