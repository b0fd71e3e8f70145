"""Example rows hold the numbers that a feature has learnt, and numbers around them."""

import numpy as np

from mtl_cli.columns.examples import example_numbers, example_values


def test_examples_are_equal_to_between_and_beyond_the_learnt_numbers() -> None:
    learnt = [30.0, 10.0]
    numbers = example_numbers(learnt, "error", np.random.default_rng(0), 400)
    drawn = np.array(numbers, "float64")
    # A quarter of the range, 5, lies beyond each end.
    assert drawn.min() > 5 and drawn.max() < 35
    between = (drawn > 10) & (drawn < 30)
    for share in (drawn < 10, drawn > 30, between, drawn == 10, drawn == 30):
        assert share.mean() > 0.05


def test_examples_of_numbers_near_the_limit_of_float64_are_finite() -> None:
    numbers = example_numbers([-1e308, 1e308], "error", np.random.default_rng(0), 9)
    assert np.isfinite(np.array(numbers, "float64")).all()


def test_every_third_example_is_missing_if_the_feature_accepts_it() -> None:
    numbers = example_numbers([1.0], "mean", np.random.default_rng(0), 7)
    assert [x is None for x in numbers] == [True, False, False] * 2 + [True]


def test_value_after_a_missing_or_unseen_one_is_spelled_otherwise() -> None:
    values = example_values(["Ab"], np.random.default_rng(0), 12)
    assert values[1::3] == ["aB", " Ab ", "Ab0", "0Ab"]
    assert values[2::3] == ["Ab"] * 4
