"""Settings of runs that tests interrupt, and the comparison of their results."""

import os
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

# Training takes seconds and many calls of the compiled function, and each call writes a
# checkpoint.
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
    """Checks that two runs have exactly the same results."""
    for name in ("metrics.json", "model/learnt.json"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name
    weights, other_weights = (
        read_tensors(folder / "model" / "model.weights.h5") for folder in (run, other)
    )
    assert weights.keys() == other_weights.keys()
    for name, x in weights.items():
        np.testing.assert_array_equal(x, other_weights[name], name, strict=True)
    frames = [pd.read_parquet(r / "predictions.parquet") for r in (run, other)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    timing = ["seconds", "samples_per_second", "compile_seconds"]
    tables = [pd.read_csv(r / "history.csv").drop(columns=timing) for r in (run, other)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Returns {name: array} of all tensors in an HDF5 file."""
    arrays = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(keep)
    assert arrays
    return arrays


def files(folder: Path) -> set[str]:
    """Returns the paths of all files in a folder, relative to the folder."""
    return {os.path.relpath(p, folder) for p in folder.rglob("*") if p.is_file()}
