"""Summarizes how much weight the gates of a trained network give to their experts.

The *place* of a gate is its position in the network, such as the level of a PLE. Gates
at the same place can weigh the same experts. An expert is *unused* by a gate if the
gate gives the expert hardly any weight. An expert is *dead* if all gates of its place
leave it unused: a dead expert hardly affects any prediction. A gate is *polarised* if
it gives one expert nearly all weight.

In this package, a gate is any layer that weighs something, and an expert is what the
layer weighs, see `layers.routing.Routing`. For example, a feature gate weighs features.
"""

import re
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.scoring.gate_weights import GateWeights

if TYPE_CHECKING:
    from mtl_cli.layers import Expert, Routing

# If a gate treats its n experts alike, each has the mean weight 1 / n. The gate does
# not use an expert whose mean weight is below this fraction of 1 / n.
UNUSED_FRACTION = 0.05
# A gate is polarised if the mean weight of one expert is above this weight.
POLARISED_WEIGHT = 0.95


class GateSummary(TypedDict):
    """How one gate weighs its experts.

    The weights of most gates sum to 1 in each row. The weights of other gates are
    factors of any sum. Gates that give factors have no entropies and are never
    polarised.

    Attributes:
        level: the name of the gate's place. A name has up to three parts: the level or
            layer, the kind of the gate, and the gate's owner if the owner is not a
            task. Examples: `level_1`, `level_1 self`, `layer_2`, `personal`. The name
            is "" if it has none of these parts, as in MMoE.
        task: the task of the gate; None if the gate serves several tasks.
        rows: the number of rows over which the means are taken: the sampled rows that
            count for the task, or all sampled rows if `task` is None. Without rows,
            `weights` is empty, and the entropies are absent.
        weights: {expert: mean weight}.
        entropy_of_mean: the entropy of the mean weights, from 0 (all weight on one
            expert) to 1 (all experts have equal weights).
        mean_entropy: the entropy of each row's weights, from 0 to 1, averaged over the
            rows. The mean entropy is far below `entropy_of_mean` if each row uses few
            experts, but different rows use different experts.
        unused: the experts that the gate does not use. Of n experts, these are the
            experts with a mean weight below `UNUSED_FRACTION` / n. If the weights are
            factors, these are the experts with a mean weight of 0.
        polarised: the expert whose mean weight is above `POLARISED_WEIGHT`;
            None if there is none.
        not_trained: the experts that the gate weighs, but does not train, because a
            stop-gradient lies between gate and expert. Absent if there is none.
    """

    level: str
    task: str | None
    rows: int
    weights: dict[str, float]
    entropy_of_mean: NotRequired[float]
    mean_entropy: NotRequired[float]
    unused: list[str]
    polarised: str | None
    not_trained: NotRequired[list[str]]


class GateUsage(TypedDict):
    """How gates weigh their experts. `gates.json` adds the name of the split.

    Attributes:
        rows: the number of sampled rows. All sampled rows passed through all gates.
        gates: the summary of each gate.
        dead: the dead experts, each as `PLACE EXPERT`, such as `level_1 shared 2`.
        slices: the usage by slice of the sampled rows, see `usage_by_slice`. The dict
            of a slice has the keys `column` and `slice`, and the keys `rows`, `gates`
            and `dead` for the rows of the slice.
    """

    rows: int
    gates: list[GateSummary]
    dead: list[str]
    slices: NotRequired[list[dict[str, Any]]]


def summarize_gates(gate_weights: GateWeights) -> GateUsage:
    """Summarizes how gates weigh their experts on some rows."""
    gates: list[GateSummary] = []
    for layer in gate_weights.layers:
        weights = gate_weights.weights[layer.name]
        gates += summarize_layer(layer, weights, gate_weights.is_in_space)
    return {"rows": gate_weights.num_rows, "gates": gates, "dead": dead_experts(gates)}


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
    layer_place = place_of(layer)
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
        names = [expert_name(expert, tasks) for expert in experts]
        summary = summarize_gate(
            f"{layer_place} {owner_name}".strip(),
            task,
            gate_weights,
            names,
            sum_to_one=layer.weights_are_shares,
        )
        named_experts = zip(names, experts, strict=True)
        not_trained = [name for name, expert in named_experts if not expert.trained]
        if not_trained:
            summary["not_trained"] = not_trained
        summaries.append(summary)
    return summaries


def place_of(layer: "Routing") -> str:
    """Returns the place of a layer of gates: its level and its kind of gates.

    The level and some kinds are in the layer's name: the gates of `level_1_self_gates`
    have the place `level_1 self`. Other kinds are the layer's `label`. The place is ""
    if the layer has neither a level nor a kind.
    """
    match = re.search(r"((?:level|layer)_\d+)_?(self|feature)?", layer.name)
    place_parts = [*match.groups(), layer.label] if match else [layer.label]
    return " ".join(word for word in place_parts if word)


def expert_name(expert: "Expert", tasks: list[str]) -> str:
    """Returns the owner of an expert, and its number if it has one: `shared 2`."""
    from mtl_cli.layers.routing import HIDDEN, SHARED

    owner = expert.owner
    if isinstance(owner, int):
        owner = tasks[owner]
        if owner in (SHARED, HIDDEN):  # a task that has this name by chance
            owner = f"task {owner}"
    return owner if expert.number == 0 else f"{owner} {expert.number}"


def average_by_owner(
    weights: Array, experts: "list[Expert]"
) -> "tuple[Array, list[Expert]]":
    """Averages the weights of experts that have the same owner.

    For example, each column of a feature is an expert whose owner is the feature.

    Args:
        weights: `(rows, experts)`.
        experts: the experts, in the order of their weights.

    Returns: the mean weights, `(rows, owners)`; and one expert per owner, without a
        number, that represents all experts of the owner. The representative is trained
        if one of these experts is trained.
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
    place: str,
    task: str | None,
    weights: Array,
    experts: list[str],
    sum_to_one: bool = True,
) -> GateSummary:
    """Summarizes the weights of one gate.

    Args:
        place: the place of the gate, the entry `level` of the summary.
        task: the task of the gate; None if the gate serves several tasks.
        weights: `(rows, experts)`.
        experts: the names of the experts.
        sum_to_one: whether the weights of each row sum to 1.
    """
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
    if not sum_to_one:
        summary["unused"] = [e for e, x in summary["weights"].items() if x == 0]
        return summary
    summary["entropy_of_mean"] = float(entropy(mean))
    summary["mean_entropy"] = float(entropy(weights).mean())
    threshold = UNUSED_FRACTION / len(experts)
    summary["unused"] = [e for e, x in summary["weights"].items() if x < threshold]
    heaviest = int(mean.argmax())
    if mean[heaviest] > POLARISED_WEIGHT:
        summary["polarised"] = experts[heaviest]
    return summary


def entropy(weights: Array) -> Array:
    """Returns the entropy of weights over the last axis, divided by its maximum.

    The result is 0 if one weight is 1, and 1 if all weights are equal.
    """
    # A weight of 0 adds 0 to the entropy. The smallest float avoids 0 * log(0) = NaN.
    logs = np.log(np.maximum(weights, np.finfo("float64").tiny))
    # The maximum, log(n) for n weights, is not 0: `measure_gate_weights` leaves out
    # gates with a single expert.
    entropies: Array = -(weights * logs).sum(axis=-1) / np.log(weights.shape[-1])
    return entropies


def dead_experts(gates: list[GateSummary]) -> list[str]:
    """Returns `PLACE EXPERT` for each expert that no gate of its place uses."""
    is_used: dict[str, bool] = {}
    for gate in gates:
        for name in gate["weights"]:
            expert = f"{gate['level']} {name}".strip()
            is_used[expert] = is_used.get(expert, False) or name not in gate["unused"]
    return [expert for expert, used in is_used.items() if not used]
