"""How gates use their experts by slice, and the column by which they differ most."""

from typing import Any

import numpy as np

from mtl_cli.scoring.gate_usage import summarize_gates
from mtl_cli.scoring.gate_weights import GateWeights
from mtl_cli.scoring.slices import Slices

ROUNDING = 1e-12  # the variance of weights that are alike is below this


def usage_by_slice(measured: GateWeights, slices: Slices) -> list[dict[str, Any]]:
    """Returns one record per slice with rows: its column, its name and `GateUsage`.

    Args:
        measured: the weights of the gates.
        slices: the slices of the same rows.
    """
    records = []
    for code, name in enumerate(slices.names):
        inside = slices.codes == code
        if inside.any():
            usage = summarize_gates(measured.take(inside))
            records.append({"column": slices.column, "slice": name, **usage})
    return records


def most_telling(measured: GateWeights, slices: list[Slices]) -> Slices | None:
    """Returns the slices between which the weights of gates differ most.

    Args:
        measured: the weights of the gates.
        slices: the slices by each column, of the same rows.

    Returns: None if no column tells anything about the weights.
    """
    shares = [share_told(measured, by) for by in slices]
    if not shares or max(shares) == 0:
        return None
    return slices[int(np.argmax(shares))]


def share_told(measured: GateWeights, slices: Slices) -> float:
    """Returns the share of the variance of weights that lies between slices, 0 to 1.

    This is the mean of the shares of all layers: layers whose weights are factors have
    another scale than layers whose weights are shares.
    """
    is_inside = slices.codes == np.arange(len(slices.names))[:, None]  # (slices, rows)
    counts = np.maximum(is_inside.sum(axis=1, keepdims=True), 1)
    shares = []
    for weights in measured.weights.values():
        columns = np.moveaxis(weights, 1, 0).reshape(measured.rows, -1)
        columns = columns - columns.mean(axis=0)
        between = ((is_inside @ columns) ** 2 / counts).sum()
        total = (columns**2).sum()
        # Weights that are alike in all rows differ by rounding only.
        shares.append(between / total if total > ROUNDING * columns.size else 0.0)
    return float(np.mean(shares))
