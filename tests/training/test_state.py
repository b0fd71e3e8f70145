"""The state of a training that a checkpoint holds."""

from types import SimpleNamespace
from typing import Any

import pytest

from mtl_cli.training.state import TrainingState


@pytest.mark.parametrize(
    ("kept_epoch", "num_epochs", "in_next_epoch", "has_average", "expected"),
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
    kept_epoch: int,
    num_epochs: int,
    in_next_epoch: bool,
    has_average: bool,
    expected: bool,
) -> None:
    state: Any = SimpleNamespace(
        history=SimpleNamespace(kept_epoch=kept_epoch, epochs=[None] * num_epochs),
        step_losses=[0.5] if in_next_epoch else [],
        average=[] if has_average else None,
    )
    is_at_best_epoch: Any = TrainingState.is_at_best_epoch
    assert is_at_best_epoch.fget(state) is expected
