"""The state of a training that a checkpoint holds."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.epochs import epoch

from mtl_cli.training.moving_average import MovingAverage
from mtl_cli.training.progress import History
from mtl_cli.training.state import TrainingState


@pytest.mark.parametrize(
    ("best_epoch", "num_epochs", "in_next_epoch", "has_average", "expected"),
    [
        (2, 2, False, False, True),
        (2, 2, True, False, False),  # the weights have changed since
        (2, 2, True, True, True),  # the average changes at the end of an epoch
        (1, 2, False, False, False),
        (1, 2, False, True, False),
        (0, 0, False, True, False),  # no epoch is finished
    ],
)
def test_checkpoint_leaves_out_the_best_weights_only_if_it_holds_them_anyway(
    best_epoch: int,
    num_epochs: int,
    in_next_epoch: bool,
    has_average: bool,
    expected: bool,
) -> None:
    numbers = range(1, num_epochs + 1)
    network: Any = SimpleNamespace()
    state = TrainingState(
        network=network,
        steps=network,
        history=History([epoch(i, best=i == best_epoch) for i in numbers]),
        step_values=[np.zeros((1, 3, 1))] if in_next_epoch else [],
        average=MovingAverage([np.zeros(1)] if has_average else []),
    )
    assert state.is_at_best_epoch is expected
