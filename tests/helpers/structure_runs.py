"""Trains the models of `planted_structures.py` with several seeds, and compares them.

Prints the numbers in `docs/explanation/planted-problems.md`:

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
from helpers.planted_rows import Rows
from helpers.planted_structures import PROBLEMS, Problem

from mtl_cli.data.load import load
from mtl_cli.metrics.auc import auc
from mtl_cli.network.build import build
from mtl_cli.statistics.significance import quantile
from mtl_cli.training.progress import Progress
from mtl_cli.training.train import train

SEEDS = (1, 2, 3, 4, 5)
TEST_ROWS = 10_000
# The models that are not made for a structure. Each other model is compared with them.
RIVALS = ("shared_bottom", "mmoe", "ple")
SPARSE = {"kind": "sparse"}
NUMBER = {"kind": "dense", "transform": "none"}


def override_text(value: Any) -> str:
    """Writes nested dicts in the syntax of overrides: `{a: {b: 1}}`."""
    if isinstance(value, dict):
        pairs = (f"{key}: {override_text(inner)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    return str(value)


def write_dataset(rows: Rows, problem: Problem, seed: int, folder: Path) -> list[str]:
    """Draws the labels, and writes the tables of training and test rows.

    If only a fraction of the training rows has the label of a task, the weight of the
    task is twice that fraction.

    Returns: the overrides of the data set.
    """
    random = np.random.default_rng([seed, 1])
    frame, tasks = pd.DataFrame(rows.features), {}
    for name, probability in rows.probabilities.items():
        frame[name] = (random.random(len(frame)) < probability).astype(int)
        tasks[name] = {"label": name, "kind": "binary"}
        if name in (rows.labelled or {}):
            fraction = rows.labelled[name]
            has_label = np.arange(len(frame)) < fraction * problem.train_rows
            has_label[problem.train_rows :] = True
            frame[f"{name}_asked"] = has_label.astype(int)
            tasks[name] |= {"space": f"{name}_asked", "weight": 2 * fraction}
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
        f"+dataset.features={override_text(kinds)}",
        "~dataset.tasks",
        f"+dataset.tasks={override_text(tasks)}",
        "trainer.patience=null",
        "trainer.ema_decay=0",
        "trainer.initial_bias=zeros",
        "model.feature_factors=false",
        "encoder.l2_embedding=0",
        "trainer.compile=false",
        "optimizer.schedule=linear",
        f"seed={seed}",
    ]


def expected_auc(probability: np.ndarray, prediction: np.ndarray) -> float:
    """Returns the expected AUC of predictions, over all random draws of the labels.

    Each row counts as a positive row with the weight p and as a negative row with the
    weight 1 - p, where p is its probability.
    """
    label = np.repeat([1.0, 0.0], len(probability))
    weight = np.concatenate([probability, 1 - probability])
    return auc(label, np.tile(prediction.astype("float64"), 2), weight)


def scores(
    problem: Problem, structure: bool, seed: int, names: Sequence[str]
) -> dict[str, float]:
    """Trains models on a problem.

    Returns: {model: mean AUC over the tasks}. The entry `best` is the AUC of the true
        probabilities: no model can be better.
    """
    rows = problem.draw(
        np.random.default_rng([seed, 0]), problem.train_rows + TEST_ROWS, structure
    )
    truth = {
        task: probability[problem.train_rows :]
        for task, probability in rows.probabilities.items()
        if problem.compared_tasks is None or task in problem.compared_tasks
    }
    aucs = {"best": [expected_auc(p, p) for p in truth.values()]}
    with tempfile.TemporaryDirectory() as folder:
        dataset = write_dataset(rows, problem, seed, Path(folder))
        data = None
        for name in names:
            model = problem.models[name]
            run_config = config(*dataset, *problem.settings, *model)
            data = data or load(run_config.dataset, run_config.outputs)
            keras.utils.set_random_seed(seed)
            network = build(run_config, data.features.layout)
            train(run_config, network, data.splits["train"], None, Progress())
            predictions = network.predict(data.splits["test"])
            aucs[name] = [expected_auc(p, predictions[t]) for t, p in truth.items()]
            keras.backend.clear_session()
    return {name: float(np.mean(values)) for name, values in aucs.items()}


def gain(
    runs: Sequence[dict[str, float]], model: str, rival: str
) -> tuple[float, float]:
    """Compares a model with a rival over several seeds.

    Returns: the mean difference of their AUC, and half the width of its 95 % interval.
    """
    differences = [run[model] - run[rival] for run in runs]
    error = np.std(differences, ddof=1) / np.sqrt(len(runs))
    return float(np.mean(differences)), quantile(len(runs) - 1) * float(error)


def main(names: Sequence[str]) -> None:
    """Prints a table in Markdown for each named problem; without names, for all."""
    for name in names or PROBLEMS:
        problem = PROBLEMS[name]
        for structure in (True, False):
            runs = [scores(problem, structure, s, [*problem.models]) for s in SEEDS]
            print(f"\n{name}, {'with' if structure else 'without'} the structure")
            for column in runs[0]:
                mean = np.mean([run[column] for run in runs])
                gains = ""
                for rival in RIVALS if column != "best" else ():
                    difference, half_width = gain(runs, column, rival)
                    gains += f" | {difference:+.4f} ± {half_width:.4f}"
                print(f"| {column} | {mean:.4f}{gains} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
