"""Seconds of `mtl-compare` on 1,000 runs: 200 configurations with 5 seeds each.

The run folders are written without training, in the size of run folders of Adult: with
the whole configuration, the hashes of three files, predictions of two tasks for 16,281
test rows, and the metrics of both tasks.
"""

import argparse
import copy
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from alternate import OURS, Contender, alternate
from hydra import compose, initialize_config_dir
from report import compare, save

from mtl_cli.core.paths import conf_folder
from mtl_cli.core.run_status import hashes_of_run
from mtl_cli.runs.saved_config import saved_config
from mtl_cli.scoring.scores import score
from mtl_cli.tasks.binary import Binary

SEEDS = 5
ROWS = 16_281
POSITIVE_RATES = {"income": 0.236, "never_married": 0.334}
EPOCHS = 14
VERSIONS = ("mtl-cli", "tensorflow", "keras", "numpy", "pandas", "pyarrow")


def empty_result(*_: object) -> dict[str, object]:
    """Returns no figures, since only the seconds of the process are compared."""
    return {}


def write_runs(folder: Path, runs: int) -> None:
    """Writes run folders. `SEEDS` runs in a row differ only in their seed."""
    rng = np.random.default_rng(0)
    adult = adult_configuration()
    labels = {task: 1.0 * (rng.random(ROWS) < p) for task, p in POSITIVE_RATES.items()}
    for job in range(runs):
        path = folder / str(job)
        path.mkdir()
        config = configuration(adult, job // SEEDS, job % SEEDS + 1)
        text = yaml.dump(config, Dumper=yaml.CSafeDumper, sort_keys=False)
        (path / "config.yaml").write_text(text)
        environment = {"versions": dict.fromkeys(VERSIONS, "1.2.3"), "device": ["CPU"]}
        environment |= {"git_commit": "c0ffee" * 6, "data_hash": "d0" * 32}
        environment |= {"config_hash": f"{job:064}", "parameters": 300_000}
        write_json(path / "environment.json", environment)
        # The distance between the logits of positive and negative rows.
        strength = 2 + 0.02 * (job // SEEDS % 7)
        columns, scores = {"row": np.arange(ROWS)}, {}
        for task, label in labels.items():
            logit = strength * label + rng.normal(size=ROWS) - 2
            prediction = (1 / (1 + np.exp(-logit))).astype("float32")
            columns |= {task: label, f"{task}_prediction": prediction}
            scores[task] = score(Binary(label=task), label, prediction, np.ones(ROWS))
        pd.DataFrame(columns).to_parquet(path / "predictions.parquet", index=False)
        write_json(path / "metrics.json", {"test": scores, "valid": scores})
        pd.DataFrame(history()).to_csv(path / "history.csv", index=False)
        record = {"status": "done", "start": "2026-01-01T00:00:00+00:00"}
        record |= {"end": "2026-01-01T00:00:30+00:00", "files": hashes_of_run(path)}
        write_json(path / "status.json", record)


def adult_configuration() -> dict[str, Any]:
    """Returns what `mtl-train dataset=adult model=mmoe` writes to `config.yaml`."""
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        composed = compose("config", overrides=["dataset=adult", "model=mmoe"])
    config: dict[str, Any] = yaml.load(saved_config(composed, {}), yaml.CSafeLoader)
    return config


def configuration(adult: dict[str, Any], number: int, seed: int) -> dict[str, Any]:
    """Returns the configuration of Adult with other settings."""
    config = copy.deepcopy(adult)
    config["seed"] = seed
    config["model"]["num_experts"] = number % 20
    config["optimizer"]["learning_rate"] = 1e-3 * (1 + number // 20)
    return config


def history() -> Iterator[dict[str, object]]:
    """Yields the rows of a history, one per epoch."""
    for epoch in range(1, EPOCHS + 1):
        valid = {f"valid.{task}.auc": 0.9 + epoch / 1000 for task in POSITIVE_RATES}
        yield {"epoch": epoch, **valid, "best": True, "samples_per_second": 1e5}


def write_json(path: Path, value: object) -> None:
    """Writes a JSON file."""
    path.write_text(json.dumps(value, indent=2))


def main() -> None:
    """Measures, prints, saves."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3, help="runs of each command")
    parser.add_argument("--runs", type=int, default=1000)
    options = parser.parse_args()
    command = str(Path(sys.executable).with_name("mtl-compare"))
    with tempfile.TemporaryDirectory() as name:
        write_runs(Path(name), options.runs)
        page = str(Path(name) / "page.html")
        contenders = [
            Contender(OURS, [command, name], empty_result),
            Contender("with --html", [command, name, "--html", page], empty_result),
        ]
        results = alternate(contenders, options.repeats)
    title = f"mtl-compare on {options.runs:,} runs: seconds of the process"
    seconds = "wall_seconds"
    rows = compare(title, results, lambda run: run[seconds], {}, seconds=True)
    save("compare_runs", results, rows)


if __name__ == "__main__":
    main()
