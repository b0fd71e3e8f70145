"""The moving average of a network's weights over the epochs of a training."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def update_average(
    average: Sequence[Array], weights: Iterable[Array], epoch: int, decay: float
) -> None:
    """Adds the weights after one more epoch to a moving average, in place.

    In the average after epoch n, the weights of epoch k count in proportion to
    decay^(n - k):

        a_1 = w_1
        a_n = a_(n-1) + (w_n - a_(n-1)) (1 - decay) / (1 - decay^n)

    w_n are the weights after epoch n. Arrays of whole numbers are not averaged: the
    average holds their last values.

    Args:
        average: the average after the epoch before.
        weights: the weights after this epoch, read one after the other to save memory.
        epoch: number of this epoch, from 2.
        decay: the decay, in [0, 1).
    """
    share = np.float32((1 - decay) / (1 - decay**epoch))
    with np.errstate(over="ignore", invalid="ignore"):  # the caller refuses infinity
        for a, w in zip(average, weights, strict=True):
            if np.issubdtype(w.dtype, np.floating):
                a += (w - a) * share
            else:
                a[...] = w
