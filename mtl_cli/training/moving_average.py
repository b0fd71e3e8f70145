"""The moving average of a network's weights over the epochs of a training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def next_average(
    average: Sequence[Array] | None, weights: Sequence[Array], epoch: int, decay: float
) -> list[Array]:
    """Returns the moving average of the weights after one more epoch.

    In the average after epoch n, the weights of epoch k count in proportion to
    decay^(n - k):

        a_1 = w_1
        a_n = a_(n-1) + (w_n - a_(n-1)) (1 - decay) / (1 - decay^n)

    w_n are the weights after epoch n. Arrays of whole numbers, such as counters, are
    not averaged: the average holds their last values.

    Args:
        average: the average after the epoch before; None in the first epoch.
        weights: the weights after this epoch.
        epoch: number of this epoch, from 1.
        decay: the decay, in [0, 1).
    """
    if average is None:
        return list(weights)
    share = np.float32((1 - decay) / (1 - decay**epoch))
    with np.errstate(over="ignore", invalid="ignore"):  # the caller refuses infinity
        return [
            a + (w - a) * share if np.issubdtype(w.dtype, np.floating) else w
            for a, w in zip(average, weights, strict=True)
        ]
