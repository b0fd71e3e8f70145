"""A network is refused if a method of an option returns a wrong shape."""

import re

import keras
import numpy as np
import pytest
from helpers import networks

from mtl_cli.core.errors import ConfigError
from mtl_cli.data.table import Table
from mtl_cli.encoders.embedding import Embedding
from mtl_cli.heads.independent import Independent
from mtl_cli.models.shared_bottom import SharedBottom
from mtl_cli.network.initial_bias import initial_logits
from mtl_cli.tasks.binary import Binary
from mtl_cli.towers.independent import Independent as IndependentTowers

TWO_TASKS = ["income", "never_married"]


@pytest.mark.parametrize(
    ("option", "method", "result", "message"),
    [
        (
            SharedBottom,
            "share",
            keras.Input(batch_shape=(1, None, 4)),
            "model=shared_bottom: `share` returns (1, batch, 4), not (2, batch, units)",
        ),
        (
            SharedBottom,
            "share",
            None,
            "model=shared_bottom: `share` returns NoneType, not a tensor (2, batch, ",
        ),
        (
            Embedding,
            "interact",
            [keras.Input((3, 4))],
            "encoder=embedding: `interact` returns (batch, 3, 4), not (batch, units)",
        ),
        (
            IndependentTowers,
            "connect",
            [keras.Input((1,)), keras.Input((2,))],
            "model.towers=independent: `connect` for task never_married returns "
            "(batch, 2), not (batch, 1)",
        ),
        (
            Independent,
            "connect",
            dict.fromkeys(TWO_TASKS, keras.Input(())),
            "model.heads=independent: `connect` for income returns (batch,), not "
            "(batch, 1)",
        ),
        (
            Binary,
            "predictions",
            keras.Input(()),
            "dataset.tasks.income: `predictions` of kind binary returns (batch,), not "
            "(batch, 1)",
        ),
    ],
)
def test_wrong_shape_of_an_option_is_named(
    monkeypatch, option, method, result, message
):
    monkeypatch.setattr(option, method, lambda *_, **__: result)
    with pytest.raises(ConfigError, match=re.escape(message)):
        networks.network("model=shared_bottom")


def test_wrong_number_of_initial_logits_is_named(monkeypatch):
    monkeypatch.setattr(Binary, "initial_logits", lambda *_: np.zeros(2))
    ones = dict.fromkeys(TWO_TASKS, np.ones(3))
    with pytest.raises(ConfigError, match=r"`initial_logits` returns \(2,\), not"):
        initial_logits(networks.config(), Table({}, ones, ones), {})
