"""Summarizes how much weight the gates of a trained network give to their experts.

See `gate_records.py` for the terms place, unused, dead and polarised.
"""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.scoring.gate_records import (
    POLARISED_WEIGHT,
    UNUSED_FRACTION,
    GateSummary,
    GateUsage,
)
from mtl_cli.scoring.gate_weights import GateWeights
from mtl_cli.scoring.slices import Slices

if TYPE_CHECKING:
    from mtl_cli.layers import Expert, Routing


def summarize_gates(gate_weights: GateWeights) -> GateUsage:
    """Summarizes how gates weigh their experts on some rows."""
    gates, experts = [], dict[str, None]()  # in order, without repetitions
    used = experts_used_anyway(gate_weights)
    for layer in gate_weights.layers:
        weights = gate_weights.weights.get(layer.name)
        if weights is None:  # gates with a single expert
            continue
        for gate in summarize_layer(layer, weights, gate_weights.is_in_space):
            gates.append(gate)
            # Experts of one name and level, or place of scaling gates, are the same.
            location = gate["level"] if layer.only_scales else place_of(layer)[0]
            for name in gate["weights"]:
                expert = f"{location} {name}".strip()
                experts[expert] = None
                if name not in gate["unused"]:
                    used.add(expert)
    return {
        "rows": gate_weights.num_rows,
        "gates": gates,
        "dead": [expert for expert in experts if expert not in used],
    }


def usage_by_slice(gate_weights: GateWeights, slices: Slices) -> list[dict[str, Any]]:
    """Summarizes the gates on each slice of the rows that has rows.

    Returns: one dict per slice, with the keys `column`, `slice`, and the keys of
        `GateUsage`.
    """
    records = []
    for code, name in enumerate(slices.names):
        is_in_slice = slices.codes == code
        if is_in_slice.any():
            usage = summarize_gates(gate_weights.take(is_in_slice))
            records.append({"column": slices.column, "slice": name, **usage})
    return records


def summarize_layer(
    layer: "Routing", weights: Array, is_in_space: dict[str, Array]
) -> list[GateSummary]:
    """Summarizes each gate of a layer; `weights` are `(gates, rows, experts)`."""
    tasks = list(is_in_space)
    level, kind = place_of(layer)
    summaries = []
    # A route names one gate of the layer: the gate's owner, and its experts.
    for route, gate_weights in zip(layer.routes, weights, strict=True):
        task = tasks[route.owner] if isinstance(route.owner, int) else None
        owner_name = route.owner if isinstance(route.owner, str) else ""
        if task is not None:
            gate_weights = gate_weights[is_in_space[task]]  # (rows, experts)
        experts = list(route.experts)
        if layer.reports_owners:
            gate_weights, experts = average_by_owner(gate_weights, experts)
        names = [expert.name(tasks) for expert in experts]
        place = " ".join(filter(None, [level, kind, owner_name]))
        summary = summarize_gate(
            place, task, gate_weights, names, are_shares=layer.weights_are_shares
        )
        named_experts = zip(names, experts, strict=True)
        not_trained = [name for name, expert in named_experts if not expert.trained]
        if not_trained:
            summary["not_trained"] = not_trained
        summaries.append(summary)
    return summaries


def place_of(layer: "Routing") -> tuple[str, str]:
    """Returns the level and the kind of a layer of gates; "" if there is none.

    The level and some kinds are read from the layer's name: `level_1_self_gates` gives
    the level `level_1` and the kind `self`. Other kinds are the layer's `label`.
    """
    match = re.search(r"((?:level|layer)_\d+)_?(self|feature)?", layer.name)
    level, kind = match.groups("") if match else ("", "")
    return level, f"{kind} {layer.label}".strip()


def average_by_owner(
    weights: Array, experts: "list[Expert]"
) -> "tuple[Array, list[Expert]]":
    """Averages the weights of experts that have the same owner.

    For example, each column of a feature is an expert whose owner is the feature.

    Returns: the mean weights, `(rows, owners)`; and one expert per owner, without a
        number, that counts as trained if one of the owner's experts is trained.
    """
    indices_by_owner: dict[int | str, list[int]] = {}
    for i, expert in enumerate(experts):
        indices_by_owner.setdefault(expert.owner, []).append(i)
    means, representatives = [], []
    for indices in indices_by_owner.values():
        means.append(weights[:, indices].mean(axis=1))
        is_trained = any(experts[i].trained for i in indices)
        representative = experts[indices[0]]._replace(number=0, trained=is_trained)
        representatives.append(representative)
    return np.stack(means, axis=1), representatives


def summarize_gate(
    place: str, task: str | None, weights: Array, experts: list[str], are_shares: bool
) -> GateSummary:
    """Summarizes the weights of one gate, `(rows, experts)`; see `GateSummary`."""
    # A huge number in a feature can make a weight NaN.
    weights = weights[np.isfinite(weights).all(axis=1)]
    summary: GateSummary = {
        "level": place,
        "task": task,
        "rows": len(weights),
        "weights": {},
        "unused": [],
        "polarised": None,
    }
    if not len(weights):
        return summary
    mean = weights.mean(axis=0)
    summary["weights"] = dict(zip(experts, mean.tolist(), strict=True))
    if not are_shares:
        summary["unused"] = [e for e, x in summary["weights"].items() if x == 0]
        return summary
    share_of_mean = shares(mean)
    summary["entropy_of_mean"] = float(entropy(share_of_mean))
    summary["mean_entropy"] = float(entropy(shares(weights)).mean())
    threshold = UNUSED_FRACTION / len(experts)
    named_shares = zip(experts, share_of_mean, strict=True)
    summary["unused"] = [name for name, share in named_shares if share < threshold]
    heaviest = int(share_of_mean.argmax())
    if share_of_mean[heaviest] > POLARISED_WEIGHT:
        summary["polarised"] = experts[heaviest]
    return summary


def shares(weights: Array) -> Array:
    """Divides weights by their sum over the last axis. Weights of 0 stay 0."""
    sums = weights.sum(axis=-1, keepdims=True)
    # The smallest float avoids 0 / 0 = NaN.
    scaled: Array = weights / np.maximum(sums, np.finfo("float64").tiny)
    return scaled


def entropy(weights: Array) -> Array:
    """Returns the entropy of shares over the last axis, divided by its maximum."""
    # A weight of 0 adds 0 to the entropy. The smallest float avoids 0 * log(0) = NaN.
    logs = np.log(np.maximum(weights, np.finfo("float64").tiny))
    # The maximum, log(n) for n weights, is not 0: `measure_gate_weights` leaves out
    # gates with a single expert.
    entropies: Array = -(weights * logs).sum(axis=-1) / np.log(weights.shape[-1])
    return entropies


def experts_used_anyway(gate_weights: GateWeights) -> set[str]:
    """Returns `LEVEL EXPERT` for each expert that is used whatever its weights are.

    Such an expert is the only one of a gate, or is also added without a weight.
    """
    tasks = list(gate_weights.is_in_space)
    return {
        f"{place_of(layer)[0]} {expert.name(tasks)}".strip()
        for layer in gate_weights.layers
        if not layer.only_scales
        for route in layer.routes
        for expert in route.experts
        if expert.always_added or layer.name not in gate_weights.weights
    }
