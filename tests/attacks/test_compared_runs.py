"""A run of somebody else does not keep `mtl-compare` from its end."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.planted_runs import COUNTS, write_run
from helpers.slow import slow_except

from mtl_cli.comparison.find_runs import read_runs
from mtl_cli.comparison.read_run import MAX_TASKS
from mtl_cli.core.errors import ConfigError

SECONDS = 20
SCORES = {"test": {"buy": {"auc": 0.7, **COUNTS}}}
BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 13)
)
READ_FIRST = ("status.json", "config.yaml", "environment.json", "metrics.json")


def endless_pipe(path: Path) -> None:
    os.mkfifo(path)


def endless_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def deep_values(path: Path) -> None:
    path.write_text("[" * 100_000)


def many_values(path: Path) -> None:
    path.write_text(BOMB)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "make"),
    slow_except(
        [
            ("status.json", endless_pipe),
            ("config.yaml", endless_device),
            ("metrics.json", deep_values),
            ("history.csv", endless_device),
        ],
        itertools.product(
            [*READ_FIRST, "history.csv", "gates.json", "predictions.parquet"],
            [endless_pipe, endless_device, deep_values],
        ),
    ),
)
def test_endless_file_of_a_run_is_damaged(name, make, tmp_path):
    for seed in (1, 2):
        write_run(tmp_path / "own" / f"seed={seed}", "ple", seed, SCORES)
    other = write_run(tmp_path / "other", "mmoe", 1, SCORES)
    (other / name).unlink(missing_ok=True)
    make(other / name)
    compared(tmp_path, f"{name} is damaged" if name in READ_FIRST else "")


@pytest.mark.slow
def test_configuration_that_expands_without_end_is_damaged(tmp_path):
    write_run(tmp_path / "own", "ple", 1, SCORES)
    many_values(write_run(tmp_path / "other", "mmoe", 1, SCORES) / "config.yaml")
    compared(tmp_path, "config.yaml is damaged")


@pytest.mark.parametrize(
    "values",
    [
        {"data_hash": []},
        {"git_commit": {}},
        {"parameters": 10**400},
        {"pretrained": {"v.npy": []}},
    ],
)
def test_forged_environment_of_a_run_is_damaged(values, tmp_path):
    for seed in (1, 2):
        write_run(tmp_path / "own" / f"seed={seed}", "ple", seed, SCORES)
    other = write_run(tmp_path / "other", "mmoe", 1, SCORES)
    (other / "environment.json").write_text(json.dumps(values))
    assert [run.error for run in read_runs([str(tmp_path)]) if run.error] == [
        "environment.json is damaged"
    ]


def test_run_with_too_many_tasks_is_not_read(tmp_path):
    scores = {f"task{i}": {"auc": 0.7, **COUNTS} for i in range(MAX_TASKS + 1)}
    write_run(tmp_path / "run", "mmoe", 1, {"test": scores})
    (run,) = read_runs([str(tmp_path)])
    assert run.error == "metrics.json names more than 1000 tasks"


def test_linked_records_of_jobs_are_not_read(tmp_path):
    record = {"number": "1", "name": "lost", "settings": [], "status": "failed"}
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.json").write_text(json.dumps(record))
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    shutil.copytree(tmp_path / "elsewhere", sweep / ".jobs")
    assert [run.path.name for run in read_runs([str(sweep)])] == ["lost"]
    shutil.rmtree(sweep / ".jobs")
    (sweep / ".jobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="holds no run"):
        read_runs([str(sweep)])


@pytest.mark.parametrize(
    ("file", "name"),
    [("1.json", "lost\0"), ("1.json", "x" * 256), ("1.json.json", "lost")],
)
def test_forged_records_of_jobs_are_not_read(file, name, tmp_path):
    record = {"number": "1", "name": name, "settings": [], "status": "failed"}
    (tmp_path / ".jobs").mkdir()
    (tmp_path / ".jobs" / file).write_text(json.dumps(record))
    with pytest.raises(ConfigError, match="holds no run"):
        read_runs([str(tmp_path)])


def compared(folder: Path, expected: str) -> None:
    """Compares the runs of a folder, and checks that all but one were read."""
    command = [sys.executable, "-m", "mtl_cli.cli.compare", str(folder)]
    completed = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert completed.returncode == 0, completed.stderr
    assert "Traceback" not in completed.stderr
    assert "0.7000" in completed.stdout
    assert expected in " ".join(completed.stdout.split())  # lines are wrapped
