"""The moving average of weights over epochs."""

import numpy as np
import pytest

from mtl_cli.training.moving_average import update_average


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_weights_of_each_epoch_count_in_proportion_to_a_power_of_the_decay(decay):
    by_epoch = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    average = [by_epoch[0].copy()]
    for n, weights in enumerate(by_epoch[1:], 2):
        update_average(average, [weights], n, decay)
        powers = decay ** np.arange(n - 1, -1, -1)
        expected = powers @ by_epoch[:n] / powers.sum()
        np.testing.assert_allclose(average[0], expected, rtol=1e-5, atol=1e-6)


def test_weights_that_never_change_stay_equal_bit_by_bit():
    frozen = np.array([0.1, 1 / 3, -7e-9], "float32")
    average = [frozen.copy()]
    for n in range(2, 9):
        update_average(average, [frozen], n, 0.7)
    np.testing.assert_array_equal(average[0], frozen, strict=True)


def test_whole_numbers_are_not_averaged():
    average, last = [np.array([4], "int64")], np.array([9], "int64")
    update_average(average, [last], 2, 0.5)
    np.testing.assert_array_equal(average[0], last, strict=True)
