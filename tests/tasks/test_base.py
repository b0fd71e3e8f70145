"""Keys that all kinds of tasks share."""

import pytest

from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.regression import Regression


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_loss_of_null_is_the_default_and_others_stay(loss: str) -> None:
    assert Binary(label="y", loss=None).loss == "bce"
    assert Binary(label="y", loss="focal").loss == "focal"
    assert Regression(label="y", loss=None).loss == "mse"
    assert Regression(label="y", loss=loss).loss == loss
