"""Declares, loads, compares and trains on small data sets with known labels."""

import functools
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from helpers.composition import composed
from omegaconf import OmegaConf

from mtl_cli.config.run_config import Config
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.feature_set_fitter import FeatureSetFitter
from mtl_cli.data.load import Data, load
from mtl_cli.data.table import as_arrays
from mtl_cli.heads.base import Output
from mtl_cli.heads.independent import Independent
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.runs.console import Console
from mtl_cli.runs.run import run

# The overrides of a small network that is trained for one epoch.
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
    """Returns the keys of a data set, as they are in its YAML file.

    Args:
        train: the path of the training rows, or a list of paths.
        features: {name: keys of the feature}.
        tasks: {name: keys of the task}.
        more: further keys of the data set.
    """
    train = [str(path) for path in train] if isinstance(train, list) else str(train)
    defaults = {"name": "planted", "train": train, "valid": None, "test": None}
    defaults |= {"valid_fraction": 0.0, "split_seed": 0}
    return defaults | {"features": features, "tasks": tasks} | more


def declared(train: Any, features: Any, tasks: Any, **more: Any) -> Dataset:
    """Returns a validated data set; see `values` for the arguments."""
    return Dataset.model_validate(values(train, features, tasks, **more))


def outputs(dataset: Dataset) -> list[Output]:
    """Returns one output for each task."""
    return Independent().outputs(dataset.tasks)


def loaded(train: Any, features: Any, tasks: Any, **more: Any) -> Data:
    """Loads and encodes a data set; see `values` for the arguments."""
    dataset = declared(train, features, tasks, **more)
    return load(dataset, outputs(dataset))


def config(dataset: dict[str, Any], *overrides: str) -> Config:
    """Returns the configuration of a small network on a data set.

    Args:
        dataset: the keys of the data set; see `values`.
        overrides: further overrides.
    """
    return Config.model_validate(small_values(*overrides) | {"dataset": dataset})


@functools.cache
def small_values(*overrides: str) -> Any:
    """Returns the configuration of a small network as nested dicts.

    The result is cached, so the caller must not change it.
    """
    return OmegaConf.to_container(composed(*SMALL, *overrides), resolve=True)


def fitted_features(features: Any, table: pa.Table) -> FeatureSet:
    """Fits features on all rows of a table."""
    fitter = FeatureSetFitter(features, table.num_rows)
    fitter.add(table, np.ones(table.num_rows, bool))
    fitted = fitter.finish()
    for name, feature in features.items():
        feature.check_learnt(fitted.learnt[name])  # a saved model could be loaded
    return fitted


def run_in(
    folder: Path, config: Config, plots: bool = False, eager: bool = False
) -> dict[str, Scores]:
    """Runs a configuration as `mtl-train` does, in this process.

    Args:
        folder: the run folder.
        config: the configuration.
        plots: whether plots are drawn, which takes half a second. Otherwise their
            files are empty.
        eager: whether TensorFlow traces no graphs, which is quicker for a few steps.
    """
    # Imported late, because matplotlib and Keras make folders in the home folder.
    import tensorflow as tf

    from mtl_cli.runs import report

    run_folder = RunFolder(folder)
    console = Console(folder / "train.log")
    was_eager = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(eager or was_eager)
    try:
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            if not plots:
                patch.setattr(report, "write_png", lambda plots, path: path.touch())
            # Keras calls `__array__` in a way that NumPy 2 warns about.
            warnings.filterwarnings("ignore", "__array__", DeprecationWarning)
            return run(config, run_folder, console, [])
    finally:
        tf.config.run_functions_eagerly(was_eager)
        console.close()
        run_folder.release()


def parquet(folder: Path, columns: Any, name: str = "train.parquet") -> Path:
    """Writes a table to a Parquet file, and returns the path of the file."""
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pyarrow.parquet.write_table(table, folder / name)
    return folder / name


def assert_same(data: Data, other: Data, report: bool = True) -> None:
    """Checks that two data sets are encoded exactly alike.

    Args:
        data: a data set.
        other: the other data set.
        report: whether to compare the reports too.
    """
    assert list(data.splits) == list(other.splits)
    assert json.dumps(data.features.learnt) == json.dumps(other.features.learnt)
    assert data.features.layout == other.features.layout
    assert not report or data.report == other.report
    for split, table in data.splits.items():
        arrays, other_arrays = (as_arrays(t) for t in (table, other.splits[split]))
        assert list(arrays) == list(other_arrays)
        for name, x in arrays.items():
            np.testing.assert_array_equal(x, other_arrays[name], name, strict=True)
        numbers = data.row_numbers[split]
        np.testing.assert_array_equal(numbers, other.row_numbers[split], strict=True)


def planted(rows=300, seed=0):
    """Returns rows whose labels are functions of their features."""
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
