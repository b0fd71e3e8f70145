"""The message of an epoch whose monitored value is undefined."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.planted_data import config, values

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.core import plugins
from mtl_cli.core.errors import TrainingError
from mtl_cli.data.table import Table
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.training.train import validate


@pytest.fixture(autouse=True)
def no_plugins_afterwards() -> Iterator[None]:
    yield
    plugins.use_folders([])


KIND = """
from mtl_cli.tasks.regression import Regression

class Amount(Regression): ...
"""


@pytest.mark.parametrize(
    ("kind", "plugin_hint"),
    [("regression", ""), ("amount", "; a plugin may be wrong: mine/tasks/amount.py")],
)
def test_prediction_that_is_not_finite_is_blamed_on_numbers_of_its_row_or_a_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, plugin_hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "tasks").mkdir(parents=True)
    (tmp_path / "mine" / "tasks" / "amount.py").write_text(KIND)
    plugins.use_folders(["mine"])
    task = {"label": "spent", "kind": kind}
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
        f"{plugin_hint}"
    )
    with pytest.raises(TrainingError, match=f"^{re.escape(message)}$"):
        validate(chosen, state, valid, monitored_metrics("auto", chosen.outputs))
