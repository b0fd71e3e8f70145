"""The use of experts by slice, and the column by which gates differ most.

Gates are summarized on each slice of the rows. A report has room for the slices by one
column only: the column whose slices explain most of the variance of the weights.
"""

from typing import Any

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.scoring.gate_usage import summarize_gates
from mtl_cli.scoring.gate_weights import GateWeights
from mtl_cli.scoring.slices import Slices

# A smaller variance of weights over the rows is a rounding error.
MAX_ROUNDING_VARIANCE = 1e-12


def usage_by_slice(gate_weights: GateWeights, slices: Slices) -> list[dict[str, Any]]:
    """Summarizes the gates on each slice of the rows.

    `slices` cuts the rows of `gate_weights`, in the same order.

    Returns: the summaries, one dict per slice that has rows, with the keys `column`,
        `slice`, and the keys of `GateUsage` for the rows of the slice.
    """
    records = []
    for code, name in enumerate(slices.names):
        is_in_slice = slices.codes == code
        if is_in_slice.any():
            usage = summarize_gates(gate_weights.take(is_in_slice))
            records.append({"column": slices.column, "slice": name, **usage})
    return records


def most_explaining_slices(
    gate_weights: GateWeights, slices_by_column: list[Slices]
) -> Slices | None:
    """Returns the slices by the column that explains most of the weights' variance.

    Returns: None if there are no columns, or if all weights are the same for all rows.
    """
    scaled = scaled_weights(gate_weights)
    fractions = [explained_variance(scaled, slices) for slices in slices_by_column]
    return slices_by_column[int(np.argmax(fractions))] if any(fractions) else None


def scaled_weights(gate_weights: GateWeights) -> list[Array]:
    """Returns the weights of each layer with a mean of 0, (rows, gates * experts).

    The weights of a layer are scaled so that their squares sum to 1. Layers whose
    weights are the same for all rows are left out. Rows with a weight that is not a
    finite number get zeros.
    """
    scaled_by_layer = []
    for weights in gate_weights.weights.values():
        by_row = np.moveaxis(weights, 1, 0).reshape(gate_weights.num_rows, -1)
        is_finite = np.isfinite(by_row).all(axis=1)
        if not is_finite.any():
            continue
        centred = np.zeros_like(by_row)
        centred[is_finite] = by_row[is_finite] - by_row[is_finite].mean(axis=0)
        sum_of_squares = np.vdot(centred, centred)
        if sum_of_squares > MAX_ROUNDING_VARIANCE * centred.size:
            scaled_by_layer.append(centred / np.sqrt(sum_of_squares))
    return scaled_by_layer


def explained_variance(scaled_by_layer: list[Array], slices: Slices) -> float:
    """Returns the fraction of the weights' variance that slices explain, 0 to 1.

    The fraction of a layer is the variance of the slices' mean weights, divided by the
    variance of the weights of all rows. The mean over the layers is returned, and not
    one fraction of the summed variances: the weights of most layers sum to 1 over the
    experts, but some layers, such as feature gates, multiply by factors far above 1,
    and would outweigh all others.

    Args:
        scaled_by_layer: see `scaled_weights`.
    """
    codes = np.arange(len(slices.names))[:, None]
    membership = (slices.codes == codes).astype("float64")  # (slices, rows)
    rows_per_slice = np.maximum(membership.sum(axis=1, keepdims=True), 1)
    fractions = [
        # A slice of n rows whose weights sum to S adds n * (S / n)^2 = S^2 / n.
        float(((membership @ scaled) ** 2 / rows_per_slice).sum())
        for scaled in scaled_by_layer
    ]
    return float(np.mean(fractions)) if fractions else 0.0
