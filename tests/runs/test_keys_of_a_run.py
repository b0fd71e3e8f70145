"""The keys that a run hands on: to TensorFlow, to checkpoints, to its processes."""

import itertools
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.planted_data import config, parquet, run_in, values

from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.distributed import cluster
from mtl_cli.distributed import connect as connect_module
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.network.network import Network
from mtl_cli.runs import run as run_module
from mtl_cli.training.progress import History
from mtl_cli.training.state import CheckpointPlan, TrainingState


@pytest.fixture
def received(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a configuration without its training; returns what the run hands on."""
    columns = {"x": np.arange(40) % 4, "y": np.arange(40) % 8 == 0}
    features, tasks = {"x": {"kind": "sparse"}}, {"y": {"label": "y", "kind": "binary"}}
    handed: dict[str, Any] = {}
    numbers = itertools.count()

    def start(*arguments: Any) -> None:
        handed["start"] = arguments

    def connect(strategy: str | None, *_: Any) -> Any:
        handed["strategy"] = strategy
        return Replicas()

    def fit(*arguments: Any) -> History:
        handed["plan"] = next(x for x in arguments if isinstance(x, CheckpointPlan))
        handed["network"] = next(x for x in arguments if isinstance(x, Network))
        return History()

    monkeypatch.setattr(tensorflow_runtime, "start", start)
    monkeypatch.setattr(connect_module, "connect", connect)
    monkeypatch.setattr(run_module, "fit", fit)
    monkeypatch.setattr(run_module, "save_and_score", lambda *_: {})

    def run(*settings: str) -> dict[str, Any]:
        handed.clear()
        dataset = values(parquet(tmp_path, columns), features, tasks) | {"name": "shop"}
        run_in(tmp_path / f"run{next(numbers)}", config(dataset, *settings))
        return handed

    return run


def test_network_far_larger_than_its_rows_gets_one_remark(
    received: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    received()
    assert "by heart" not in capsys.readouterr().out
    received("encoder.embedding_dim=20_000")
    text = " ".join(capsys.readouterr().out.split())
    assert re.search(r"warning: [\d,]+ parameters for 40 training rows: the netw", text)


def test_run_starts_tensorflow_with_its_seed_and_determinism(received: Any) -> None:
    settings = ["seed=7", "trainer.deterministic=false"]
    assert received(*settings)["start"] == (7, False)
    assert received("seed=8")["start"] == (8, True)


def test_run_connects_the_processes_of_its_strategy(received: Any) -> None:
    assert received("trainer.strategy=mirrored")["strategy"] == "mirrored"
    assert received()["strategy"] is None


def test_size_of_a_batch_is_checked_before_the_run_waits_for_other_processes(
    received: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = ["10.0.0.1:2222", "10.0.0.2:2222"]
    monkeypatch.setenv(cluster.TF_CONFIG, cluster.tf_config(workers, 0))
    settings = ["trainer.strategy=multi_worker", "trainer.ema_decay=0"]
    with pytest.raises(ConfigError, match="2 processes cannot share 33 rows evenly"):
        received(*settings, "trainer.batch_size=33")
    assert "waiting" not in capsys.readouterr().out
    assert received(*settings, "trainer.batch_size=32")["strategy"] == "multi_worker"
    assert "waiting for the other processes: 10.0.0.2:2222\n" in capsys.readouterr().out


def test_run_hands_checkpoint_minutes_to_the_training(received: Any) -> None:
    assert received("trainer.checkpoint_minutes=3")["plan"].minutes == 3
    assert received("trainer.checkpoint_minutes=null")["plan"].minutes is None


def test_run_sets_initial_biases_if_asked(received: Any) -> None:
    def bias(setting: str) -> float:
        network = received(f"trainer.initial_bias={setting}")["network"]
        return network.logits.get_layer("towers_0_logits").bias.numpy().item()

    assert bias("zeros") == 0
    assert -3 < bias("labels") < -1  # an eighth of the rows have label 1


def test_run_prints_the_seconds_of_its_stages_if_asked(
    received: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    received("trainer.profile=true")
    assert "part of the run" in capsys.readouterr().out
    received("trainer.profile=false")
    assert "part of the run" not in capsys.readouterr().out


def test_run_names_its_data_set(
    received: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    received()
    assert capsys.readouterr().out.startswith("shop: 40 train rows, 1 features, ")


@pytest.mark.slow
def test_run_that_only_checks_trains_nothing(received: Any) -> None:
    assert received("check_only=true") == {}
    assert "plan" in received("check_only=false")


@pytest.mark.parametrize(
    ("minutes", "waited", "saves"),
    [(2, 119, False), (2, 121, True), (None, 1e9, False)],
)
def test_checkpoint_within_an_epoch_is_due_after_its_minutes(
    minutes: float | None,
    waited: float,
    saves: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved: list[bool] = []
    monkeypatch.setattr(TrainingState, "save", lambda _: saved.append(True))
    steps: Any = SimpleNamespace(replicas=Replicas())
    folder = RunFolder(tmp_path)
    state = TrainingState(
        network=SimpleNamespace(),  # type: ignore[arg-type]
        steps=steps,
        checkpoint_plan=CheckpointPlan(folder, minutes, {}),
        step_values=[np.zeros((1, 3, 1))],
    )
    state.saved_at -= waited
    state.save_if_due()
    folder.release()
    assert saved == [True] * saves
