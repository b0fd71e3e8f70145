"""Sweeps of small jobs, for drills."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from promises import PATIENCE_SECONDS

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.interrupted_runs import assert_same_run

DATASET = """
name: small
train: rows.csv
valid: null
test: test.csv
valid_fraction: 0.5
split_seed: 0
features:
  shop: {kind: sparse}
  price: {kind: dense, transform: standard}
tasks:
  buy: {label: buy, kind: binary}
"""
SETTINGS = ["dataset=small", "model=shared_bottom", "trainer.compile=false"]
SETTINGS += ["trainer.batch_size=64", "trainer.patience=null"]


def make_data(folder: Path) -> None:
    """Makes a data set in a folder: 400 rows for training, and as many for the test."""
    for seed, name in enumerate(("rows.csv", "test.csv")):
        rng = np.random.default_rng(seed)
        shop, price = rng.integers(0, 5, 400), rng.normal(size=400)
        buy = (price + rng.normal(size=400) > 0).astype(int)
        frame = pd.DataFrame({"shop": shop, "price": price, "buy": buy})
        frame.to_csv(folder / name, index=False)
    (folder / "conf" / "dataset").mkdir(parents=True)
    (folder / "conf" / "dataset" / "small.yaml").write_text(DATASET)


class Sweep:
    """A running `mtl-train`, in a session of its own.

    Args:
        folder: the folder that it starts in.
        arguments: the arguments after those that make its jobs small.
        environment: more variables of its environment.
    """

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mtl_cli.cli.train", *SETTINGS, *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            start_new_session=True,
        )

    def end(self, seconds: float = PATIENCE_SECONDS) -> "Sweep":
        """Waits for the end; notes exit code, output and seconds."""
        try:
            self.out, self.err = self.process.communicate(timeout=seconds)
        finally:
            self.process.kill()
        self.code = self.process.returncode
        self.seconds = time.monotonic() - self.start
        return self

    @property
    def shown(self) -> str:
        return f"exit {self.code} in {self.seconds:.0f} s: {self.out}{self.err}"


def run(folder: Path, *arguments: str, **environment: str) -> Sweep:
    """Runs `mtl-train` to its end."""
    return Sweep(folder, *arguments, **environment).end()


def states(sweep: Path) -> list[str]:
    """Returns the states of the runs in a sweep's folder."""
    paths = sorted(sweep.glob("*/status.json"))
    return [json.loads(path.read_text())["status"] for path in paths]


def records(sweep: Path) -> list[dict[str, Any]]:
    """Returns the records of a sweep's jobs, by their number."""
    paths = sorted((sweep / ".jobs").glob("*.json"))
    return [json.loads(path.read_text()) for path in paths]


def differences(sweep: Path, other: Path) -> list[str]:
    """Returns how the runs of two sweeps differ; both must have at least one run."""
    found = []
    names = [{p.parent.name for p in x.glob("*/metrics.json")} for x in (sweep, other)]
    if not names[0] or names[0] != names[1]:
        found.append(f"other runs: {names}")
    for name in names[0] & names[1]:
        try:
            assert_same_run(sweep / name, other / name)
        except AssertionError as error:
            found.append(f"{name}: {error}")
    return found
