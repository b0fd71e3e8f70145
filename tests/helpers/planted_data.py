"""Data sets planted for tests: declared, loaded, compared, run."""

import functools
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from helpers.composition import composed
from omegaconf import OmegaConf

from mtl_cli.config.run_config import Config
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feature_set import FeatureSet, FeatureSetFitter
from mtl_cli.data.load import Data, load
from mtl_cli.data.table import as_arrays
from mtl_cli.heads.base import Output
from mtl_cli.heads.independent import Independent
from mtl_cli.metrics.scores import Scores
from mtl_cli.runs.console import Console
from mtl_cli.runs.run import run

SMALL = [
    "model=shared_bottom",
    "model.bottom_units=[8]",
    "model.tower_units=[]",
    "encoder.embedding_dim=4",
    "trainer.epochs=1",
    "trainer.batch_size=64",
    "trainer.patience=null",
    "trainer.compile=false",
    "optimizer.learning_rate=0.02",
]


def values(train: Any, features: Any, tasks: Any, **more: Any) -> dict[str, Any]:
    """A data set's keys as YAML gives them."""
    needed = {"name": "planted", "train": str(train), "valid": None, "test": None}
    needed |= {"valid_fraction": 0.0, "split_seed": 0}
    return needed | {"features": features, "tasks": tasks} | more


def declared(train: Any, features: Any, tasks: Any, **more: Any) -> Dataset:
    """A data set as its YAML declares it."""
    return Dataset.model_validate(values(train, features, tasks, **more))


def outputs(dataset: Dataset) -> list[Output]:
    """An output for each task."""
    return Independent().outputs(dataset.tasks)


def loaded(train: Any, features: Any, tasks: Any, **more: Any) -> Data:
    """The data of `declared(...)`."""
    dataset = declared(train, features, tasks, **more)
    return load(dataset, outputs(dataset))


def config(dataset: dict[str, Any], *overrides: str) -> Config:
    """A small model's checked configuration on a data set's keys."""
    return Config.model_validate(small_values(*overrides) | {"dataset": dataset})


@functools.cache
def small_values(*overrides: str) -> Any:
    """A small model's configuration as Hydra composes it; do not change it."""
    return OmegaConf.to_container(composed(*SMALL, *overrides), resolve=True)


def fitted_features(features: Any, table: pa.Table) -> FeatureSet:
    """Features that have learnt from training rows."""
    fitter = FeatureSetFitter(features, table.num_rows)
    fitter.add(table, np.ones(table.num_rows, bool))
    return fitter.finish()


def run_in(folder: Path, chosen: Config) -> dict[str, Scores]:
    """Runs a configuration as `mtl-train` does, in this process."""
    run_folder = RunFolder(folder)
    console = Console(folder / "train.log")
    try:
        with warnings.catch_warnings():
            # Keras asks NumPy 2 for an array without a copy as NumPy deprecates.
            warnings.filterwarnings("ignore", "__array__", DeprecationWarning)
            return run(chosen, run_folder, console, [])
    finally:
        console.close()
        run_folder.release()


def parquet(folder: Path, columns: Any, name: str = "train.parquet") -> Path:
    """Writes a table; returns its path."""
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pyarrow.parquet.write_table(table, folder / name)
    return folder / name


def assert_same(data: Data, other: Data, report: bool = True) -> None:
    """Whether two data sets are encoded alike, to the last bit."""
    assert list(data.splits) == list(other.splits)
    assert json.dumps(data.features.learnt) == json.dumps(other.features.learnt)
    assert data.features.layout == other.features.layout
    assert not report or data.report == other.report
    for split, table in data.splits.items():
        mine, its = (as_arrays(t) for t in (table, other.splits[split]))
        assert list(mine) == list(its)
        for name, x in mine.items():
            np.testing.assert_array_equal(x, its[name], name, strict=True)
        numbers = data.row_numbers[split]
        np.testing.assert_array_equal(numbers, other.row_numbers[split], strict=True)


def planted(rows=300, seed=0):
    """Rows whose labels follow from their features."""
    random = np.random.default_rng(seed)
    user, item = random.integers(0, 9, rows), random.integers(0, 5, rows)
    price = random.normal(size=rows)
    click = (user % 3 == item % 3) | (price > 1.5)
    return pa.table(
        {
            "user": user,
            "item": [f"item{i}" for i in item],
            "hour": random.integers(0, 24, rows),
            "price": price,
            "age": random.normal(40, 9, rows),
            "click": click.astype(int),
            "buy": (click & (price > 0)).astype(int),
            "amount": 2 * price - (user > 4),
        }
    )
