"""Summarizes how much weight the gates of a trained network give to their experts.

See `gate_records.py` for the terms place, unused, dead and polarised.
"""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.scoring.gate_records import (
    POLARISED_WEIGHT,
    UNUSED_FRACTION,
    GateSummary,
    GateUsage,
)
from mtl_cli.scoring.gate_weights import GateWeights

if TYPE_CHECKING:
    from mtl_cli.layers import Expert, Routing


def summarize_gates(gate_weights: GateWeights) -> GateUsage:
    """Summarizes how gates weigh their experts on some rows."""
    located_gates = []  # pairs of the location of a gate's experts, and the gate
    for layer in gate_weights.layers:
        weights = gate_weights.weights.get(layer.name)
        if weights is None:  # gates with a single expert
            continue
        for gate in summarize_layer(layer, weights, gate_weights.is_in_space):
            # The entry `level` of a summary is the whole place of the gate.
            location = gate["level"] if layer.only_scales else place_of(layer).level
            located_gates.append((location, gate))
    return {
        "rows": gate_weights.num_rows,
        "gates": [gate for _, gate in located_gates],
        "dead": dead_experts(located_gates, experts_used_anyway(gate_weights)),
    }


def summarize_layer(
    layer: "Routing", weights: Array, is_in_space: dict[str, Array]
) -> list[GateSummary]:
    """Summarizes each gate of a layer.

    Args:
        layer: the layer of gates.
        weights: `(gates, rows, experts)`.
        is_in_space: see `GateWeights`.
    """
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


class LayerPlace(NamedTuple):
    """The position of a layer of gates in the network.

    Attributes:
        level: the level or layer, such as `level_1`; "" if there is none.
        kind: the kind of the gates, such as `self`; "" if there is none.
    """

    level: str
    kind: str


def place_of(layer: "Routing") -> LayerPlace:
    """Returns the place of a layer of gates.

    The level and some kinds are read from the layer's name: `level_1_self_gates` gives
    the level `level_1` and the kind `self`. Other kinds are the layer's `label`.
    """
    match = re.search(r"((?:level|layer)_\d+)_?(self|feature)?", layer.name)
    level, kind = match.groups("") if match else ("", "")
    return LayerPlace(level, f"{kind} {layer.label}".strip())


def average_by_owner(
    weights: Array, experts: "list[Expert]"
) -> "tuple[Array, list[Expert]]":
    """Averages the weights of experts that have the same owner.

    For example, each column of a feature is an expert whose owner is the feature.

    Args:
        weights: `(rows, experts)`.
        experts: the experts, in the order of their weights.

    Returns: the mean weights, `(rows, owners)`; and one expert per owner, without a
        number, that replaces the owner's experts. The new expert counts as trained if
        one of these experts is trained.
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
    """Summarizes the weights of one gate.

    Args:
        place: the place of the gate, the entry `level` of the summary.
        task: the task of the gate; None if the gate serves several tasks.
        weights: `(rows, experts)`.
        experts: the names of the experts.
        are_shares: whether the weights are shares of a sum, see `Routing`. The
            entropies, `unused` and `polarised` do not depend on the size of this sum.
    """
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
    """Returns the entropy of shares over the last axis, divided by its maximum.

    The result is 0 if one weight is 1, or if all weights are 0. The result is 1 if all
    weights are 1 / n.
    """
    # A weight of 0 adds 0 to the entropy. The smallest float avoids 0 * log(0) = NaN.
    logs = np.log(np.maximum(weights, np.finfo("float64").tiny))
    # The maximum, log(n) for n weights, is not 0: `measure_gate_weights` leaves out
    # gates with a single expert.
    entropies: Array = -(weights * logs).sum(axis=-1) / np.log(weights.shape[-1])
    return entropies


def experts_used_anyway(gate_weights: GateWeights) -> set[str]:
    """Returns `LEVEL EXPERT` for each expert that is used whatever its weights are.

    Such an expert is the only expert of a gate, or a reader also adds it without a
    weight.
    """
    tasks = list(gate_weights.is_in_space)
    return {
        f"{place_of(layer).level} {expert.name(tasks)}".strip()
        for layer in gate_weights.layers
        if not layer.only_scales
        for route in layer.routes
        for expert in route.experts
        if expert.always_added or layer.name not in gate_weights.weights
    }


def dead_experts(
    located_gates: list[tuple[str, GateSummary]], used_anyway: Collection[str]
) -> list[str]:
    """Returns `LOCATION EXPERT` for each expert that no gate uses.

    Args:
        located_gates: the location of each gate's experts, and the summary of the gate.
            The location is the level of the gate, or the place of a gate that only
            scales. Experts with the same location and name are the same expert.
        used_anyway: experts that are never dead, each as `LEVEL EXPERT`.
    """
    experts: dict[str, None] = {}  # all experts in order, without repetitions
    used = set(used_anyway)
    for location, gate in located_gates:
        for name in gate["weights"]:
            expert = f"{location} {name}".strip()
            experts[expert] = None
            if name not in gate["unused"]:
                used.add(expert)
    return [expert for expert in experts if expert not in used]
