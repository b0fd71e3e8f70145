"""How true the predicted means of amounts are, by the kind of the task.

    python benchmarks/amounts.py FOLDER

The amounts are simulated, so the true mean of each row is known: money with a lognormal
and with a gamma distribution, of which most is 0; watch times; counts. A
`shared_bottom` is trained on 30,000 rows per seed and kind. The table shows, over
20,000 other rows, the sum of the predictions over the sum of the true means, and the
mean absolute difference from the true mean, in units of the average true mean.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml
from report import save
from scipy.special import expit
from scipy.stats import t

import mtl_cli

Array = npt.NDArray[np.float64]
TRAIN_ROWS, TEST_ROWS = 30_000, 20_000
KINDS: dict[str, dict[str, Any]] = {
    "wlr": {"kind": "wlr"},
    "ziln": {"kind": "ziln"},
    "standard": {"kind": "regression", "transform": "standard"},
    "log1p": {"kind": "regression", "transform": "log1p"},
}
DISTRIBUTIONS = ["lognormal", "gamma", "watch", "counts"]


Figures = dict[str, float]


def main() -> None:
    """Simulates, trains, prints, saves."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(options.folder)
    rows = []
    for name in DISTRIBUTIONS:
        for kind in KINDS:
            runs = [figures(name, kind, seed) for seed in range(1, options.seeds + 1)]
            rows.append({"amounts": name, "kind": kind, "runs": runs})
            sums, errors = (mean_with_interval(runs, key) for key in ("sum", "error"))
            print(f"{name:10} {kind:10} sum {sums}  error {errors}", flush=True)
    save("amounts", {}, {"seeds": options.seeds, "rows": rows})


def mean_with_interval(runs: list[Figures], key: str) -> str:
    """Returns the mean of a figure over seeds with its 95 % t-interval, as text."""
    values = [run[key] for run in runs]
    half_width = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1)
    return f"{np.mean(values):.3f} ± {half_width / np.sqrt(len(values)):.3f}"


def figures(name: str, kind: str, seed: int) -> Figures:
    """Trains on the amounts of a seed, and compares predictions with the true means."""
    frame = simulate(name, seed)
    train, test = frame[:TRAIN_ROWS], frame[TRAIN_ROWS:]
    table = Path(f"{name}-{seed}.parquet")
    train.drop(columns="truth").to_parquet(table)
    write_config(table, KINDS[kind], [x for x in frame if x.startswith("number")])
    run = mtl_cli.train(
        *("dataset=amounts", "model=shared_bottom", f"seed={seed}"),
        f"hydra.run.dir=runs/{name}-{kind}-{seed}",
    )
    predicted = mtl_cli.load(run).predict(test)["amount"]
    truth = test["truth"]
    return {
        "sum": float(predicted.sum() / truth.sum()),
        "error": float((predicted - truth).abs().mean() / truth.mean()),
    }


def write_config(table: Path, task: dict[str, Any], numbers: list[str]) -> None:
    """Writes the YAML of the data set."""
    features: dict[str, Any] = {name: {"kind": "sparse"} for name in ("user", "item")}
    for name in numbers:
        features[name] = {"kind": "piecewise_linear", "num_buckets": 16}
    path = Path("conf/dataset/amounts.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {
        "name": "amounts",
        "train": str(table),
        "valid_fraction": 0.1,
        "features": features,
        "tasks": {"amount": {"label": "amount"} | task},
    }
    path.write_text(yaml.safe_dump(values))


def simulate(name: str, seed: int) -> pd.DataFrame:
    """Draws users, items, numbers, amounts, and the true mean of each amount."""
    rng = np.random.default_rng([DISTRIBUTIONS.index(name), seed])
    rows = TRAIN_ROWS + TEST_ROWS
    user, item = rng.integers(0, 300, rows), rng.integers(0, 100, rows)
    x = rng.normal(size=(rows, 3))
    of_user, of_item = rng.normal(0, 0.6, 300)[user], rng.normal(0, 0.6, 100)[item]
    liking = of_user + of_item + 0.6 * x[:, 0] * x[:, 1] + 0.4 * x[:, 2]
    spending = rng.normal(0, 0.5, 300)[user] + 0.5 * of_item + 0.5 * np.sin(2 * x[:, 0])
    numbers = {f"number_{i}": column for i, column in enumerate(x.T)}
    if name == "counts":
        truth = np.exp(0.8 * liking - 0.5)
        amount = rng.poisson(truth).astype("float64")
    elif name == "watch":
        duration = np.exp(rng.normal(3, 0.8, rows))
        numbers["number_duration"] = np.log(duration)
        amount, truth = watch_times(rng, liking, duration)
    else:
        p, mean = expit(liking - 2.2), np.exp(2 + spending)
        above_0 = {
            "lognormal": rng.lognormal(np.log(mean) - 0.72, 1.2),  # 0.72 = 1.2^2 / 2
            "gamma": rng.gamma(0.7, mean / 0.7),
        }[name]
        amount, truth = above_0 * (rng.random(rows) < p), p * mean
    columns = {"user": user, "item": item, **numbers}
    return pd.DataFrame(columns | {"amount": amount, "truth": truth})


def watch_times(
    rng: np.random.Generator, liking: Array, duration: Array
) -> tuple[Array, Array]:
    """Draws watch times in seconds; returns them and their true means, (rows,) each.

    A user skips a video after about two seconds, or watches a part of it, or all of it
    and then perhaps again.
    """
    rows = len(liking)
    p_skip, p_all = expit(-liking - 0.6), 0.5 * expit(0.7 * liking - 0.5)
    a, b = 1 + 6 * p_all, 1 + 3 * (1 - 2 * p_all)
    skipped = np.minimum(rng.exponential(2, rows), duration)
    part = duration * rng.beta(a, b)
    again = duration * (1 + rng.poisson(0.15, rows))
    watched = np.where(rng.random(rows) < p_all, again, part)
    amount = np.where(rng.random(rows) < p_skip, skipped, watched)
    mean_if_watched = duration * (p_all * 1.15 + (1 - p_all) * a / (a + b))
    mean_if_skipped = 2 * (1 - np.exp(-duration / 2))
    return amount, p_skip * mean_if_skipped + (1 - p_skip) * mean_if_watched


if __name__ == "__main__":
    main()
