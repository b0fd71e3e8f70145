"""Every model, and every encoder, learns a planted problem whose best AUC is known."""

import itertools
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from helpers.networks import MODELS, OTHER_ENCODERS, config
from helpers.slow import slow_except

from mtl_cli.data.load import load
from mtl_cli.metrics.auc import auc
from mtl_cli.network.build import build
from mtl_cli.scoring.scores import score_outputs
from mtl_cli.training.progress import Progress
from mtl_cli.training.train import train

# How far below the best possible AUC (.864 click, .839 buy) a model may end: a logistic
# regression, which cannot cross user and item, ends .113 and .179 below.
MARGIN = 0.02
# Each model on two encoders, and each encoder below several models. That every pair
# learns is tested with less training, in `test_contract.py`.
PAIRS = [(model, "embedding") for model in MODELS]
PAIRS += zip(MODELS, itertools.cycle(OTHER_ENCODERS))
# The default suite trains one of the pairs to convergence.
QUICK = [("mmoe", "embedding")]
# The noise on the connections of SNR slows its training.
SLOW = {"snr": ["trainer.epochs=12"]}


def planted(rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Rows whose click and purchase probabilities are known.

    A purchase implies a click, so that ESMM's chain rule holds exactly.
    """
    rng = np.random.default_rng(seed)
    user, item = rng.integers(0, 6, rows), rng.integers(0, 5, rows)
    price = rng.normal(size=rows)
    taste = np.random.default_rng(99).normal(size=(6, 5))
    click = 1 / (1 + np.exp(-(2 * taste[user, item] + price)))
    buy = click / (1 + np.exp(-(1.5 * taste[user, item] - 2 * price + 0.5)))
    chance = rng.random(rows)
    frame = pd.DataFrame(
        {
            "user": [f"u{u}" for u in user],
            "item": item,
            "price": price,
            "click": (chance < click).astype(int),
            "buy": (chance < buy).astype(int),
        }
    )
    return frame, {"click": click, "buy": buy}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    planted(6000, seed=0)[0].to_parquet(folder / "train.parquet")
    planted(4000, seed=1)[0].to_parquet(folder / "test.parquet")
    return folder


def planted_config(folder: Path, *overrides: str):
    return config(
        "dataset.name=planted",
        f"dataset.train={folder}/train.parquet",
        f"dataset.test={folder}/test.parquet",
        "~dataset.features",
        "+dataset.features={user: {kind: sparse}, item: {kind: sparse},"
        " price: {kind: dense, transform: standard}}",
        "~dataset.tasks",
        "+dataset.tasks={click: {label: click, kind: binary},"
        " buy: {label: buy, kind: binary}}",
        "++dataset.scenario=item",
        "dataset.valid_fraction=0",
        "trainer.epochs=6",
        "trainer.batch_size=128",
        "trainer.patience=null",
        "trainer.ema_decay=0",
        "trainer.compile=false",
        "optimizer.learning_rate=0.01",
        "optimizer.schedule=linear",  # ends in a minimum, not at a random step
        "model.tower_units=[16]",
        *overrides,
    )


TO_LEARN = slow_except(QUICK, PAIRS, pytest.mark.exhaustive)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "encoder"), TO_LEARN)
def test_model_reaches_the_best_possible_auc(
    model: str, encoder: str, folder: Path
) -> None:
    keras.utils.set_random_seed(1)  # whatever tests came before
    chosen = [f"model={model}", f"encoder={encoder}", *SLOW.get(model, [])]
    run = planted_config(folder, *chosen)
    data = load(run.dataset, run.outputs)
    network = build(run, data.features.layout)
    train(run, network, data.splits["train"], None, Progress())
    test = data.splits["test"]
    scores = score_outputs(run.outputs, test, network.predict(test))
    _, truth = planted(4000, seed=1)
    ones = np.ones(test.num_rows)
    for task, probability in truth.items():
        best = auc(test.labels[task].astype(float), probability, ones)
        assert scores[task]["auc"] > best - MARGIN, (task, best)
