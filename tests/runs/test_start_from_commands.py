"""`mtl-train start_from=RUN`: killed and resumed, by several processes, in sweeps."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.commands import mtl_train, refused, running, start_mtl_train, wait_for
from helpers.interrupted_runs import (
    OFTEN_SAVED,
    SMALL,
    assert_same_run,
    files,
    has_logged,
    read_tensors,
)

from mtl_cli.distributed import cluster
from mtl_cli.distributed.child_processes import free_ports


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the finished run `first`."""
    folder = tmp_path_factory.mktemp("commands")
    ended = mtl_train(folder, *SMALL, "trainer.epochs=1", "hydra.run.dir=first")
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_killed_run_resumes_bit_by_bit_without_the_earlier_run(
    optimizer: str, folder: Path
) -> None:
    first = folder / f"first-{optimizer}"
    shutil.copytree(folder / "first", first)
    command = [*SMALL, f"start_from={first.name}", f"optimizer={optimizer}"]
    command += ["optimizer.schedule=cosine", "start_from.freeze=[gates]"]
    whole, run = folder / f"whole-{optimizer}", folder / f"killed-{optimizer}"
    ended = mtl_train(folder, *command, f"hydra.run.dir={whole.name}")
    assert ended.returncode == 0, ended.stderr
    assert has_logged(whole, "the optimizer was adam") == (optimizer != "adam")
    with running(folder, *command, f"hydra.run.dir={run.name}") as process:
        assert wait_for(process, lambda: has_logged(run, "epoch 2/4"))
    shutil.rmtree(first)
    ended = mtl_train(folder, *command, f"hydra.run.dir={run.name}")
    assert ended.returncode == 0, ended.stderr
    assert has_logged(run, "going on after")
    assert_same_run(run, whole)
    assert files(run) == files(whole)
    ended = mtl_train(folder, *command, "hydra.run.dir=late")
    assert ended.returncode == 2
    assert "start_from.run: there is no folder" in ended.stderr


@pytest.mark.slow
def test_saved_configuration_runs_again_with_the_same_numbers(folder: Path) -> None:
    command = [*SMALL, "start_from=first", "trainer.epochs=1", "hydra.run.dir=once"]
    assert mtl_train(folder, *command).returncode == 0
    again = ["--config-path", "once", "--config-name", "config", "hydra.run.dir=twice"]
    ended = mtl_train(folder, *again)
    assert ended.returncode == 0, ended.stderr
    assert_same_run(folder / "once", folder / "twice")


@pytest.mark.slow
def test_jobs_of_a_sweep_say_what_goes_on(folder: Path) -> None:
    command = ["-m", *OFTEN_SAVED, "model=mmoe,shared_bottom", "trainer.epochs=1"]
    sweep = "hydra.sweep.dir=sweep"
    ended = mtl_train(folder, *command, "start_from=first", sweep)
    assert ended.returncode == 0, ended.stderr
    logs = {
        json.loads((run / "model" / "spec.json").read_text())["model"]["name"]: run
        for run in (
            path.parent.parent for path in folder.glob("sweep/*/model/spec.json")
        )
    }
    for model, run in logs.items():
        assert has_logged(run, "starting from first: 10 of 10 features go on"), run
        line = (
            "the model was mmoe, is shared_bottom, so experts, gates and towers start"
        )
        assert has_logged(run, line) == (model == "shared_bottom")
    assert len(logs) == 2


def two_workers(folders: list[Path], *command: str) -> list[tuple[int | None, str]]:
    """Runs two processes that train together; returns exit code and stderr of each."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = [
        start_mtl_train(
            folder,
            "trainer.strategy=multi_worker",
            *command,
            **{cluster.TF_CONFIG: cluster.tf_config(workers, rank)},
        )
        for rank, folder in enumerate(folders)
    ]
    try:
        errors = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(p.returncode, error) for p, error in zip(processes, errors, strict=True)]


@pytest.mark.slow
def test_two_processes_start_from_the_same_weights(folder: Path) -> None:
    command = [*SMALL, "start_from=first", "trainer.epochs=1", "hydra.run.dir=two"]
    command += ["optimizer.learning_rate=1e-30"]
    assert [code for code, _ in two_workers([folder, folder], *command)] == [0, 0]
    old, new = (
        read_tensors(folder / name / "model" / "model.weights.h5")
        for name in ("first", "two")
    )
    for name, x in new.items():
        np.testing.assert_allclose(x, old[name], rtol=0, atol=1e-25, err_msg=name)
    environment = json.loads((folder / "two" / "environment.json").read_text())
    assert environment["processes"] == 2


@pytest.mark.slow
def test_processes_that_start_from_different_runs_are_refused(folder: Path) -> None:
    for i in (1, 2):
        (folder / f"node{i}").mkdir()
        shutil.copytree(folder / "first", folder / f"node{i}" / "first")
    other = folder / "node2" / "first" / "environment.json"
    other.write_text(other.read_text().replace('"data_hash": "', '"data_hash": "f'))
    command = [*SMALL, "trainer.epochs=1", "start_from=first"]
    ended = two_workers([folder / "node1", folder / "node2"], *command)
    assert [code for code, _ in ended] == [2, 2]
    assert all("the run to start from" in error for _, error in ended)


@pytest.mark.parametrize(
    ("settings", "said_line"),
    [
        (["start_from=nowhere"], "start_from.run: there is no folder nowhere"),
        pytest.param(
            ["start_from={run: nowhere}"],
            "start_from.run: there is no folder nowhere",
            marks=pytest.mark.slow,
        ),
        (["start_from.freez=[towers]"], "did you mean start_from.freeze?"),
        pytest.param(
            ["start_from.freeze=towers"],
            "should be a valid list; write [towers]",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["start_from=3"],
            "start_from.run: 3 should be a valid string",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_wrong_settings_end_in_one_line(
    settings: list[str], said_line: str, tmp_path: Path
) -> None:
    code, _, error, _ = refused(tmp_path, *settings)
    assert code == 2
    assert said_line in error
    assert len(error.strip().splitlines()) == 1
