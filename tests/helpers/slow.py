"""Leaves some parameters of a test to the slow or the exhaustive suite.

The default suite runs a part of the parameters in which every value occurs.
"""

import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pytest


def slow_except(
    kept: Collection[Any],
    cases: Iterable[Any],
    mark: pytest.MarkDecorator = pytest.mark.slow,
) -> list[Any]:
    """Returns all cases as parameters; the kept ones do not get the mark."""
    cases = list(cases)
    unknown = [case for case in kept if case not in cases]
    assert not unknown, f"no such case: {unknown}"
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=[] if case in kept else mark,
        )
        for case in cases
    ]


def covering(*axes: Sequence[Any]) -> list[Any]:
    """Returns the product of some axes as parameters.

    As many cases are in the default suite as the longest axis has values. Each value of
    each axis is in a case of the default suite.
    """
    kept = [
        tuple(axis[i % len(axis)] for axis in axes) for i in range(max(map(len, axes)))
    ]
    return slow_except(kept, itertools.product(*axes))
