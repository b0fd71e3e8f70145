"""Gates by slice: the means of each slice."""

import numpy as np
import pytest

from mtl_cli.layers import Gates
from mtl_cli.scoring.gate_usage import usage_by_slice
from mtl_cli.scoring.gate_weights import GateWeights
from mtl_cli.scoring.slices import Slices

CODES = np.repeat([0, 1], [30, 10])


def weights_of(first: np.ndarray) -> GateWeights:
    """The weights of a gate over two experts whose first expert gets `first`."""
    layer = Gates(1, 2, name="gates")
    both = np.stack([first, 1 - first], axis=-1)[None]  # (gates, rows, experts)
    return GateWeights([layer], {"gates": both}, {"a": np.ones(len(first), bool)})


def test_each_slice_has_the_mean_weights_of_its_rows() -> None:
    slices = Slices("city", ["a", "nobody", "b"], np.where(CODES == 0, 0, 2))
    records = usage_by_slice(weights_of(np.where(CODES == 0, 0.9, 0.2)), slices)
    found = {r["slice"]: (r["column"], r["rows"], r["gates"]) for r in records}
    assert list(found) == ["a", "b"]
    for name, rows, first in (("a", 30, 0.9), ("b", 10, 0.2)):
        column, counted, (gate,) = found[name]
        assert (column, counted) == ("city", rows)
        assert list(gate["weights"].values()) == pytest.approx([first, 1 - first])
