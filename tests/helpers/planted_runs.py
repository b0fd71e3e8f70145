"""Writes run folders without training, for the tests of `mtl-compare`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mtl_cli.cli.compare import arguments, compare

COUNTS = {"rows": 1000, "positives": 300}
VERSIONS = {"mtl-cli": "0.1.0", "tensorflow": "2.21.0"}


def config(model: str, seed: int, **settings: Any) -> dict[str, Any]:
    """Returns the configuration of a run.

    Args:
        model: the name of the model.
        seed: the seed.
        settings: values of further keys; `trainer__epochs` is the key `trainer.epochs`.
    """
    values: dict[str, Any] = {
        "defaults": ["_self_"],
        "seed": seed,
        "model": {"name": model, "tower_units": [32]},
        "optimizer": {"name": "adam", "learning_rate": 0.001},
        "dataset": {"name": "shop", "split_seed": 0},
        "trainer": {"epochs": 3, "patience": 2},
        "hydra": {"run": {"dir": f"somewhere/{seed}"}},
    }
    for key, value in settings.items():
        group, _, name = key.partition("__")
        values[group][name] = value
    return values


def write_run(
    folder: Path,
    model: str,
    seed: int,
    scores: dict[str, dict[str, dict[str, Any]]] | None,
    status: str = "done",
    data_hash: str = "d0",
    **settings: Any,
) -> Path:
    """Writes a run folder.

    Args:
        folder: the run folder.
        model: the name of the model.
        seed: the seed.
        scores: {split: {task: {metric: value}}}; None for a run without metrics.
        status: the status of the run.
        data_hash: the hash of the data; runs with different hashes had different rows.
        settings: see `config`.

    Returns: the run folder.
    """
    folder.mkdir(parents=True)
    start, end = "2026-11-24T10:00:00+00:00", "2026-11-24T10:00:30+00:00"
    record = {"status": status, "start": start, "end": end, "seconds": 30.0}
    if status == "failed":
        record["error"] = "loss is no number"
    (folder / "status.json").write_text(json.dumps(record))
    (folder / "config.yaml").write_text(yaml.safe_dump(config(model, seed, **settings)))
    environment = {"versions": VERSIONS, "git_commit": "c0ffee"}
    environment |= {"data_hash": data_hash, "seed": seed, "parameters": 1234}
    (folder / "environment.json").write_text(json.dumps(environment))
    if scores is not None:
        (folder / "metrics.json").write_text(json.dumps(scores))
    return folder


def compared(
    capsys: pytest.CaptureFixture[str], *command_line: object
) -> dict[str, Any]:
    """Runs `mtl-compare --json`, and returns the comparison that it prints."""
    assert compare(arguments([*map(str, command_line), "--json"])) == 0
    comparison: dict[str, Any] = json.loads(capsys.readouterr().out)
    return comparison


def auc(value: float | None, **more: Any) -> dict[str, Any]:
    """Returns the metrics of a task with this AUC."""
    return {"auc": value, "log_loss": 0.5, **COUNTS, **more}


def write_sweep(
    folder: Path, means: dict[str, float], seeds: int = 3, noise: float = 0.001
) -> Path:
    """Writes runs whose test AUC has a known mean and noise over seeds.

    Args:
        folder: the sweep folder.
        means: {model: mean of its test AUC}.
        seeds: the number of seeds per model.
        noise: the standard deviation of the AUC over seeds.

    Returns: the sweep folder.
    """
    rng = np.random.default_rng(7)
    job = 0
    for model, mean in means.items():
        for seed in range(1, seeds + 1):
            value = mean + noise * rng.normal()
            scores = {
                split: {"click": auc(value + shift), "buy": auc(0.7 + value / 100)}
                for split, shift in (("test", 0.0), ("valid", 0.01))
            }
            # A single-task model of the same size is an exact twin.
            keys = {"model__bottom_units": [8]}
            write_run(folder / str(job), model, seed, scores, **keys)
            job += 1
    return folder


def write_history(folder: Path, epochs: int = 3) -> None:
    """Writes a history whose best epoch is the last but one."""
    rows = [
        {
            "epoch": n,
            "loss.click": 1 / n,
            "valid.click.auc": 0.8 + n / 100,
            "best": n < epochs,
            "seconds": 1.0,
            "samples_per_second": 100.0 * n,
        }
        for n in range(1, epochs + 1)
    ]
    pd.DataFrame(rows).to_csv(folder / "history.csv", index=False)


def write_predictions(
    folder: Path, label: Any, prediction: Any, first: int = 0, **tasks: Any
) -> None:
    """Writes the predictions of a run for its test rows.

    Args:
        folder: the run folder.
        label: the labels of the task `click`.
        prediction: the predictions of the task `click`.
        first: the number of the first row.
        tasks: (labels, predictions) of further tasks, by name.
    """
    columns = {"row": np.arange(len(label)) + first, "click": label}
    columns["click_prediction"] = prediction
    for task, (truth, predicted) in tasks.items():
        columns |= {task: truth, f"{task}_prediction": predicted}
    pd.DataFrame(columns).to_parquet(folder / "predictions.parquet", index=False)
