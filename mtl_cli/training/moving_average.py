"""The moving average of a network's weights over the epochs of a training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class MovingAverage:
    """The moving average of a network's weights.

    With w_n for the weights after epoch n, the average a_n after epoch n is

        a_1 = w_1
        a_n = a_(n-1) + (w_n - a_(n-1)) (1 - decay) / (1 - decay^n)

    Weights that are whole numbers are not averaged: the average holds their last value.
    """

    def __init__(self, arrays: Sequence[Array] = ()) -> None:
        self.arrays = list(arrays)  # empty before the first update

    def update(self, model: keras.Model, epoch: int, decay: float) -> None:
        """Adds the weights of a network after an epoch. Epochs are counted from 1."""
        if not self.arrays:
            # Keras returns a scalar weight as a number. Unlike an array, a number
            # cannot be changed in place.
            self.arrays = [np.asarray(weight) for weight in model.get_weights()]
            return
        fraction = np.float32((1 - decay) / (1 - decay**epoch))
        # No warnings of infinite weights: the training ends with an error about them.
        with np.errstate(over="ignore", invalid="ignore"):
            # To save memory, weights are read one at a time.
            for average, variable in zip(self.arrays, model.weights, strict=True):
                weight = variable.numpy()
                if np.issubdtype(average.dtype, np.floating):
                    average += (weight - average) * fraction
                else:
                    average[...] = weight

    @contextmanager
    def swapped_into(self, model: keras.Model) -> Iterator[None]:
        """Gives a network the averaged weights inside the block, if there are any."""
        self._swap(model)
        try:
            yield
        finally:
            self._swap(model)

    def _swap(self, model: keras.Model) -> None:
        """Swaps the arrays and the network's weights, one at a time to save memory."""
        if self.arrays:
            for i, variable in enumerate(model.weights):
                weight = np.asarray(variable.numpy())
                variable.assign(self.arrays[i])
                self.arrays[i] = weight
