"""Runs that are cut off and go on: small, watched, compared."""

import os
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

# Seconds of training, many calls, and a checkpoint after each of them.
OFTEN_SAVED = [
    "dataset=synthetic_mmoe",
    "dataset.train_rows=10000",
    "dataset.test_rows=1000",
    "dataset.dimensions=10",
    "model.dropout=0.1",
    "trainer.batch_size=16",
    "trainer.epochs=4",
    "trainer.compile=false",
    "trainer.checkpoint_minutes=1e-9",
]
SMALL = ["model=mmoe", "model.num_experts=2", "model.expert_units=[16]", *OFTEN_SAVED]


def has_logged(run: Path, text: str) -> bool:
    """Whether a run's log holds a text."""
    log = run / "train.log"
    return log.exists() and text in log.read_text("utf-8")


def assert_same_run(run: Path, other: Path) -> None:
    """Whether two runs ended with the same numbers, bit by bit."""
    for name in ("metrics.json", "model/learnt.json"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name
    mine, its = (tensors(r / "model" / "model.weights.h5") for r in (run, other))
    assert mine.keys() == its.keys()
    for name, x in mine.items():
        np.testing.assert_array_equal(x, its[name], name, strict=True)
    frames = [pd.read_parquet(r / "predictions.parquet") for r in (run, other)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    timing = ["seconds", "samples_per_second"]
    tables = [pd.read_csv(r / "history.csv").drop(columns=timing) for r in (run, other)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def tensors(path: Path) -> dict[str, np.ndarray]:
    """Returns all tensors of an HDF5 file by name."""
    found = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(keep)
    assert found
    return found


def files(folder: Path) -> set[str]:
    """Returns the paths of all files in a folder."""
    return {os.path.relpath(p, folder) for p in folder.rglob("*") if p.is_file()}
