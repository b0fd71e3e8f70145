"""The message of an epoch whose monitored value is undefined."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.planted_data import config, values

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.core.errors import TrainingError
from mtl_cli.data.table import Table
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.training.train import validate


def test_prediction_that_is_not_finite_is_blamed_on_the_numbers_of_its_row() -> None:
    task = {"label": "spent", "kind": "regression"}
    features = {"age": {"kind": "dense"}}
    dataset = values("t.csv", features, {"spent": task}, valid_fraction=0.1)
    chosen = config(dataset, "trainer.patience=2")
    valid = Table({}, {"spent": np.arange(3.0)}, {"spent": np.ones(3)})
    state = SimpleNamespace(
        steps=SimpleNamespace(replicas=Replicas()),
        network=SimpleNamespace(predict=lambda _: {"spent": np.array([0, 1, np.inf])}),
        history=SimpleNamespace(validation_seconds=0.0),
    )
    message = (
        "trainer.monitor: auto is undefined on the validation rows: spent: 1 of 3 "
        "predictions are not finite numbers; look for huge numbers in the features of "
        "the validation rows, or set trainer.patience=null"
    )
    with pytest.raises(TrainingError, match=f"^{re.escape(message)}$"):
        validate(chosen, state, valid, monitored_metrics("auto", chosen.outputs))
