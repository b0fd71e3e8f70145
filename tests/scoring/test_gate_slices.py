"""Gates by slice: the most telling column, and the means of each slice."""

import numpy as np
import pytest

from mtl_cli.layers import Gates
from mtl_cli.scoring.gate_slices import (
    explained_variance,
    most_explaining_slices,
    scaled_weights,
    usage_by_slice,
)
from mtl_cli.scoring.gate_weights import GateWeights
from mtl_cli.scoring.slices import Slices

CODES = np.repeat([0, 1], [30, 10])
CITY = Slices("city", ["a", "b"], CODES)
NOISE = Slices("noise", ["x", "y"], np.arange(40) % 2)


def weights_of(first: np.ndarray) -> GateWeights:
    """The weights of a gate over two experts whose first expert gets `first`."""
    layer = Gates(1, 2, name="gates")
    both = np.stack([first, 1 - first], axis=-1)[None]  # (gates, rows, experts)
    return GateWeights([layer], {"gates": both}, {"a": np.ones(len(first), bool)})


def test_gates_that_read_one_column_are_told_by_it_alone() -> None:
    measured = weights_of(np.where(CODES == 0, 0.9, 0.2))
    assert explained_variance(scaled_weights(measured), CITY) == pytest.approx(1)
    assert explained_variance(scaled_weights(measured), NOISE) == pytest.approx(
        0, abs=1e-12
    )
    assert most_explaining_slices(measured, [NOISE, CITY]) is CITY


def test_row_with_a_weight_that_is_no_number_does_not_hide_the_telling_column() -> None:
    measured = weights_of(np.where(CODES == 0, 0.9, 0.2))
    measured.weights["gates"][:, 5] = np.nan
    assert most_explaining_slices(measured, [NOISE, CITY]) is CITY
    measured.weights["gates"][:] = np.nan
    assert most_explaining_slices(measured, [NOISE, CITY]) is None


def test_explained_variance_is_the_fraction_between_slices() -> None:
    first = np.random.default_rng(0).random(40) * (1 + CODES)
    parts = [first[code == CODES] for code in (0, 1)]
    between = sum(len(x) * (x.mean() - first.mean()) ** 2 for x in parts)
    expected = between / (len(first) * first.var())
    assert explained_variance(scaled_weights(weights_of(first)), CITY) == pytest.approx(
        expected
    )


def test_gates_that_are_alike_in_all_rows_are_told_by_no_column() -> None:
    assert most_explaining_slices(weights_of(np.full(40, 0.3)), [CITY, NOISE]) is None
    assert (
        most_explaining_slices(weights_of(np.where(CODES == 0, 0.9, 0.2)), []) is None
    )


def test_each_slice_has_the_mean_weights_of_its_rows() -> None:
    slices = Slices("city", ["a", "nobody", "b"], np.where(CODES == 0, 0, 2))
    records = usage_by_slice(weights_of(np.where(CODES == 0, 0.9, 0.2)), slices)
    found = {r["slice"]: (r["column"], r["rows"], r["gates"]) for r in records}
    assert list(found) == ["a", "b"]
    for name, rows, first in (("a", 30, 0.9), ("b", 10, 0.2)):
        column, counted, (gate,) = found[name]
        assert (column, counted) == ("city", rows)
        assert list(gate["weights"].values()) == pytest.approx([first, 1 - first])
