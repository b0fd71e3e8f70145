"""Compares ways to learn conversions, over all impressions of generated funnels.

Prints the numbers in `docs/models/heads.md`:

    PYTHONPATH=tests python tests/helpers/funnel_runs.py
"""

from collections.abc import Sequence

import keras
import numpy as np
from helpers.networks import config
from helpers.structure_runs import expected_auc, gain

from mtl_cli.data.load import load
from mtl_cli.network.build import build
from mtl_cli.training.calibration import calibrate
from mtl_cli.training.progress import Progress
from mtl_cli.training.train import train

SEEDS = (1, 2, 3, 4, 5)
SIZES = ["dataset.train_rows=50000", "dataset.test_rows=20000"]
# If the user is hidden, clicks and conversions have causes that the model cannot see.
HIDDEN = ["~dataset.features.user", "dataset.group_column=null"]
PROBLEMS = {
    "clicked rows convert more": ["dataset.dependence=0.5"],
    "clicked rows convert less": ["dataset.dependence=-0.5"],
    "more, user hidden": ["dataset.dependence=0.5", *HIDDEN],
}
METHODS = {
    "clicked": ["dataset.group=clicked"],
    "esmm": ["model.heads=esmm"],
    "escm2": ["model.heads=escm2"],
}


def scores(
    overrides: Sequence[str], seed: int, split: str = "test"
) -> dict[str, float]:
    """Trains a model on a funnel, and scores pCVR on all impressions of a split.

    Every seed draws a new funnel.

    Returns: the AUC of pCVR; the AUC of the true probabilities, which no model can
        beat; the error of pCVR, `truth_rmse`; the AUC of pCTR x pCVR; and the mean of
        pCVR, divided by the true mean.
    """
    chosen = config(
        *["dataset=funnel", "model=shared_bottom", *SIZES, *overrides],
        *[f"seed={seed}", f"dataset.generator_seed={seed}"],
    )
    data = load(chosen.dataset, chosen.outputs)
    keras.utils.set_random_seed(seed)
    network = build(chosen, data.features.layout, data.label_statistics)
    train(chosen, network, data.splits["train"], data.splits["valid"], Progress())
    calibrate(chosen, network, data.splits["valid"])
    rows = data.splits[split]
    name = chosen.outputs[-1].name  # pCVR
    predictions = network.predict(rows)
    truth, true_click = (rows.truths[n].astype("float64") for n in (name, "click"))
    prediction, click = (predictions[n].astype("float64") for n in (name, "click"))
    keras.backend.clear_session()
    return {
        "auc": expected_auc(truth, prediction),
        "best": expected_auc(truth, truth),
        "truth_rmse": float(np.sqrt(np.mean((prediction - truth) ** 2))),
        "product_auc": expected_auc(truth * true_click, prediction * click),
        "ratio": float(prediction.mean() / truth.mean()),
    }


def main() -> None:
    """Prints a table in Markdown for each funnel."""
    for problem, dataset in PROBLEMS.items():
        runs = {
            method: [scores([*dataset, *keys], seed) for seed in SEEDS]
            for method, keys in METHODS.items()
        }
        print(f"\n{problem}")
        for method, of_seeds in runs.items():
            means = {name: np.mean([s[name] for s in of_seeds]) for name in of_seeds[0]}
            cells = [f"{name} {mean:.4f}" for name, mean in means.items()]
            for metric in ("auc", "truth_rmse", "product_auc"):
                for rival in METHODS:
                    pairs = zip(of_seeds, runs[rival], strict=True)
                    both = [{"a": a[metric], "b": b[metric]} for a, b in pairs]
                    difference, half_width = gain(both, "a", "b")
                    if rival != method:
                        cells.append(f"{difference:+.4f} ± {half_width:.4f}")
            print(f"| {method} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
