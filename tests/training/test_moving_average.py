"""The moving average of weights over epochs."""

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from mtl_cli.training.moving_average import MovingAverage


def model_of(*arrays: Any) -> Any:
    """Returns the weights of a model with these arrays as weights."""
    weights = [keras.Variable(array, dtype=array.dtype) for array in arrays]
    return SimpleNamespace(
        weights=weights, get_weights=lambda: [weight.numpy() for weight in weights]
    )


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_weights_of_each_epoch_count_in_proportion_to_a_power_of_the_decay(decay):
    by_epoch = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    average = MovingAverage()
    for n, weights in enumerate(by_epoch, 1):
        average.update(model_of(weights), n, decay)
        powers = decay ** np.arange(n - 1, -1, -1)
        expected = powers @ by_epoch[:n] / powers.sum()
        np.testing.assert_allclose(average.arrays[0], expected, rtol=1e-5, atol=1e-6)


def test_weights_that_never_change_stay_equal_bit_by_bit():
    frozen = np.array([0.1, 1 / 3, -7e-9], "float32")
    average = MovingAverage()
    for n in range(1, 9):
        average.update(model_of(frozen), n, 0.7)
    np.testing.assert_array_equal(average.arrays[0], frozen, strict=True)


def test_weights_without_axes_are_averaged_and_whole_numbers_are_not():
    class Scale(keras.layers.Layer):
        def build(self, _):
            self.factor = self.add_weight(shape=(), initializer="ones")
            self.count = self.add_weight(shape=(), dtype="int32", initializer="ones")

        def call(self, x):
            return x * self.factor

    x = keras.Input((1,))
    model = keras.Model(x, Scale()(x))
    average = MovingAverage()
    average.update(model, 1, 0.5)
    model.set_weights([np.float32(4), np.int32(7)])
    average.update(model, 2, 0.5)
    with average.swapped_into(model):
        assert model.get_weights() == [3.0, 7]  # 1 + (4 - 1) * (1 - .5) / (1 - .25)
    assert model.get_weights() == [4.0, 7]


def test_network_has_the_average_inside_the_block_and_its_weights_after_it():
    model = model_of(np.array([1.0], "float32"))
    average = MovingAverage()
    with average.swapped_into(model):  # there is no average yet
        assert model.get_weights()[0].tolist() == [1.0]
    average.update(model, 1, 0.5)
    model.weights[0].assign([4.0])
    average.update(model, 2, 0.5)
    kept = [array.copy() for array in average.arrays]
    with pytest.raises(ZeroDivisionError), average.swapped_into(model):
        assert model.get_weights()[0].tolist() == [3.0]
        raise ZeroDivisionError
    assert model.get_weights()[0].tolist() == [4.0]
    assert average.arrays[0].tolist() == kept[0].tolist() == [3.0]
