"""How gates use their experts by slice, and the column by which they differ most."""

from typing import Any

import numpy as np

from mtl_cli.data.table import Array
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
    weights = centred_weights(measured)
    shares = [share_told(weights, by) for by in slices]
    if not shares or max(shares) == 0:
        return None
    return slices[int(np.argmax(shares))]


def centred_weights(measured: GateWeights) -> list[Array]:
    """Returns the weights of each layer, less their means, (rows, gates * experts).

    Layers whose weights are alike in all rows are left out.
    """
    found = []
    for weights in measured.weights.values():
        columns = np.moveaxis(weights, 1, 0).reshape(measured.rows, -1)
        columns = columns - columns.mean(axis=0)
        # Weights that are alike in all rows differ by rounding only.
        if np.mean(columns**2) > ROUNDING:
            found.append(columns)
    return found


def share_told(centred: list[Array], slices: Slices) -> float:
    """Returns the share of the variance of weights that lies between slices, 0 to 1.

    This is the mean of the shares of all layers: layers whose weights are factors have
    another scale than layers whose weights are shares.

    Args:
        centred: the weights of each layer, see `centred_weights`.
        slices: the slices of the same rows.
    """
    codes = np.arange(len(slices.names))[:, None]
    is_inside = (slices.codes == codes).astype("float64")  # (slices, rows)
    rows = np.maximum(is_inside.sum(axis=1, keepdims=True), 1)
    shares = [
        ((is_inside @ weights) ** 2 / rows).sum() / (weights**2).sum()
        for weights in centred
    ]
    return float(np.mean(shares)) if shares else 0.0
