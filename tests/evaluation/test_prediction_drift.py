"""The drift of predictions."""

import numpy as np
import pytest

from mtl_cli.evaluation.prediction_drift import prediction_record


def test_only_the_ratios_of_row_weights_matter() -> None:
    # With weights of 1e-6, the drift of all predictions was 0.
    old, new = np.random.default_rng(0).normal([0, 1], size=(1000, 2)).T
    weights = np.tile(np.float32([1, 3]), 500)
    record = prediction_record("click", old, weights, new, weights)
    assert record["psi"] > 0.5
    for old_factor, new_factor in [(1e-6, 1e-6), (1e6, 1e-6)]:
        scaled = prediction_record(
            "click", old, old_factor * weights, new, new_factor * weights
        )
        assert scaled == pytest.approx(record)
