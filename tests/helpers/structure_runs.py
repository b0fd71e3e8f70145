"""Trains the models of planted problems over several seeds, and compares them.

Prints the numbers of `docs/explanation/planted-problems.md`:

    PYTHONPATH=tests python tests/helpers/structure_runs.py [PROBLEM ...]
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from helpers.networks import config
from helpers.planted_structures import PROBLEMS, Problem, Rows

from mtl_cli.data.load import load
from mtl_cli.metrics.auc import auc
from mtl_cli.network.build import build
from mtl_cli.statistics.significance import quantile
from mtl_cli.training.progress import Progress
from mtl_cli.training.train import train

SEEDS = (1, 2, 3, 4, 5)
TEST_ROWS = 10_000
RIVALS = ("shared_bottom", "mmoe", "ple")
SPARSE = {"kind": "sparse"}
NUMBER = {"kind": "dense", "transform": "none"}


def flow(value: Any) -> str:
    """Returns a value in the notation of overrides."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in value.items()) + "}"
    return str(value)


def written(rows: Rows, problem: Problem, seed: int, folder: Path) -> list[str]:
    """Draws the labels, writes both tables, and returns the data set's overrides.

    A task with few labels weighs as much as its share of the rows, so that each label
    weighs the same.
    """
    random = np.random.default_rng([seed, 1])
    frame, tasks = pd.DataFrame(rows.features), {}
    for name, probability in rows.probabilities.items():
        frame[name] = (random.random(len(frame)) < probability).astype(int)
        tasks[name] = {"label": name, "kind": "binary"}
        if name in (rows.labelled or {}):
            share = rows.labelled[name]
            has_label = np.arange(len(frame)) < share * problem.train_rows
            has_label[problem.train_rows :] = True
            frame[f"{name}_asked"] = has_label.astype(int)
            tasks[name] |= {"space": f"{name}_asked", "weight": 2 * share}
    kinds = {
        name: SPARSE if x.dtype.kind == "i" else NUMBER
        for name, x in rows.features.items()
    }
    frame[: problem.train_rows].to_parquet(folder / "train.parquet")
    frame[problem.train_rows :].to_parquet(folder / "test.parquet")
    return [
        "dataset.name=planted",
        f"dataset.train={folder}/train.parquet",
        f"dataset.test={folder}/test.parquet",
        "dataset.valid_fraction=0",
        "~dataset.features",
        f"+dataset.features={flow(kinds)}",
        "~dataset.tasks",
        f"+dataset.tasks={flow(tasks)}",
        "trainer.patience=null",
        "trainer.compile=false",
        "optimizer.schedule=linear",
        f"seed={seed}",
    ]


def expected_auc(probability: np.ndarray, prediction: np.ndarray) -> float:
    """Returns the AUC that predictions have on average over draws of the labels."""
    label = np.repeat([1.0, 0.0], len(probability))
    weight = np.concatenate([probability, 1 - probability])
    return auc(label, np.tile(prediction.astype("float64"), 2), weight)


def scores(
    problem: Problem, structure: bool, seed: int, names: Sequence[str]
) -> dict[str, float]:
    """Returns the mean AUC of some models, and the best possible as `best`."""
    rows = problem.draw(
        np.random.default_rng([seed, 0]), problem.train_rows + TEST_ROWS, structure
    )
    truth = {
        task: probability[problem.train_rows :]
        for task, probability in rows.probabilities.items()
        if problem.scored is None or task in problem.scored
    }
    aucs = {"best": [expected_auc(p, p) for p in truth.values()]}
    with tempfile.TemporaryDirectory() as folder:
        dataset = written(rows, problem, seed, Path(folder))
        data = None
        for name in names:
            model = problem.models[name]
            chosen = config(*dataset, *problem.settings, *model)
            data = data or load(chosen.dataset, chosen.outputs)
            keras.utils.set_random_seed(seed)
            network = build(chosen, data.features.layout)
            train(chosen, network, data.splits["train"], None, Progress())
            predictions = network.predict(data.splits["test"])
            aucs[name] = [expected_auc(p, predictions[t]) for t, p in truth.items()]
            keras.backend.clear_session()
    return {name: float(np.mean(values)) for name, values in aucs.items()}


def gain(
    runs: Sequence[dict[str, float]], model: str, rival: str
) -> tuple[float, float]:
    """Returns by how much a model is ahead, and half of the 95 % interval."""
    differences = [run[model] - run[rival] for run in runs]
    error = np.std(differences, ddof=1) / np.sqrt(len(runs))
    return float(np.mean(differences)), quantile(len(runs) - 1) * float(error)


def main(chosen: Sequence[str]) -> None:
    """Prints a Markdown table for each problem."""
    for name in chosen or PROBLEMS:
        problem = PROBLEMS[name]
        for structure in (True, False):
            runs = [scores(problem, structure, s, [*problem.models]) for s in SEEDS]
            print(f"\n{name}, {'with' if structure else 'without'} the structure")
            for column in runs[0]:
                mean = np.mean([run[column] for run in runs])
                gains = ""
                if column not in ("best", *RIVALS):
                    for rival in RIVALS:
                        ahead, half = gain(runs, column, rival)
                        gains += f" | {ahead:+.4f} ± {half:.4f}"
                print(f"| {column} | {mean:.4f}{gains} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
