"""Runs are compared row by row only if their rows and labels are the same."""

import numpy as np

from mtl_cli.comparison.predictions import are_same


def test_rows_are_the_same_though_an_older_run_has_rounded_their_labels() -> None:
    numbers, label = np.arange(3), np.array([0.1, 2, 1.7e12])
    rounded = label.astype("float32").astype("float64")
    assert are_same((numbers, label), (numbers, rounded))
    assert not are_same((numbers, label), (numbers, label * 1.1))
    assert not are_same((numbers, label), (numbers + 1, label))
    assert not are_same((numbers, label), (numbers[:2], label[:2]))
