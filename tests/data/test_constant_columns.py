"""Columns that are set to one value in all rows, instead of the values of a table."""

from typing import Any

import pytest

from mtl_cli.core.errors import ConfigError
from mtl_cli.data.constant_columns import with_constants
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.cross import Cross
from mtl_cli.features.dense import Dense
from mtl_cli.features.sequence import Sequence

FEATURES = FeatureSet(
    {
        "a_and_b": Cross(kind="cross", columns=["a", "b"]),
        "price": Dense(kind="dense", missing="mean"),
        "seen": Sequence(kind="sequence", max_length=2, separator="|", weights="share"),
    },
    {},
)


def test_error_about_a_constant_names_the_columns_that_the_user_has_set() -> None:
    message = "^--set a, b: feature a_and_b: column 'a': needs whole numbers"
    with pytest.raises(ConfigError, match=message):
        with_constants(FEATURES, {"a": 1.5, "b": 2}, "--set")


@pytest.mark.parametrize(("given", "left_out"), [("seen", "share"), ("share", "seen")])
def test_a_list_and_its_weights_are_set_together(given: str, left_out: str) -> None:
    message = (
        f"^--set {given}: feature seen needs as many values .* '{left_out}'; set both"
    )
    with pytest.raises(ConfigError, match=message):
        with_constants(FEATURES, {given: "1"}, "--set")
    both = with_constants(FEATURES, {"seen": "a|b", "share": "1|2"}, "--set").constants
    assert both.column_names == ["seen", "share"]


def test_some_columns_of_a_cross_may_be_set() -> None:
    constants = with_constants(FEATURES, {"a": 1}, "--set").constants
    assert constants.column_names == ["a"]


def test_nan_is_an_empty_cell_which_json_can_hold() -> None:
    constants = with_constants(FEATURES, {"price": float("nan")}, "set").constants
    assert constants.to_pydict() == {"price": [None]}


def test_infinity_which_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^set a: .*; give a text, a finite float"):
        with_constants(FEATURES, {"a": float("inf")}, "set")


@pytest.mark.parametrize("values", [{1: 2}, ["a"], "a"])
def test_anything_but_a_dict_by_column_is_refused_in_one_line(values: Any) -> None:
    with pytest.raises(ConfigError, match=r"^set: .* is not a dict .*; give a dict"):
        with_constants(FEATURES, values, "set")
