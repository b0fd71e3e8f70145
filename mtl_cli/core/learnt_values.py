"""Checks the numbers that a saved model has learnt, because its files may be forged.

The argument `learnt` is {name: JSON value}. All functions raise a `ValueError` that
names the value and says what is expected.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mtl_cli.core.message_text import shown


def check_number(
    learnt: Mapping[str, Any], name: str, lowest: float = -math.inf
) -> None:
    value = learnt[name]
    # `type`, because `isinstance` would accept True as an int.
    if type(value) not in (int, float) or not math.isfinite(value) or value < lowest:
        at_least = "" if lowest == -math.inf else f" of {lowest:g} or more"
        raise ValueError(f"{name} is {shown(value)}; expected a number{at_least}")


def check_finite(
    learnt: Mapping[str, Any], name: str, length: int, lowest: float = -math.inf
) -> None:
    """Checks that a value is a list of `length` finite numbers, not below `lowest`."""
    numbers = np.asarray(learnt[name])
    is_list = numbers.shape == (length,) and numbers.dtype.kind in "iuf"
    if not (is_list and np.isfinite(numbers).all() and (numbers >= lowest).all()):
        at_least = "" if lowest == -math.inf else f" of {lowest:g} or more"
        raise ValueError(
            f"{name} is {shown(learnt[name])}; expected {length} numbers{at_least}"
        )


def check_positive(learnt: Mapping[str, Any], name: str) -> None:
    check_number(learnt, name)
    if learnt[name] <= 0:
        raise ValueError(f"{name} is {shown(learnt[name])}; expected a number above 0")


def check_ascending(name: str, values: Any, strictly: bool = False) -> None:
    """Checks that the numbers of a list are finite and ascend."""
    numbers = np.asarray(values)
    is_list = numbers.ndim == 1 and numbers.dtype.kind in "iuf"
    is_finite = is_list and np.isfinite(numbers.astype("float64")).all()
    order = "strictly ascending" if strictly else "ascending"
    is_ordered = np.greater if strictly else np.greater_equal
    if not (is_finite and is_ordered(numbers[1:], numbers[:-1]).all()):
        raise ValueError(f"{name} is {shown(values)}; expected {order} numbers")
