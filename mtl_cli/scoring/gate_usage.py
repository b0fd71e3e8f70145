"""The experts that the gates of a trained network use."""

import re
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.scoring.gate_weights import GateWeights

if TYPE_CHECKING:
    from mtl_cli.layers import Expert, Routing

# An expert counts as unused if its mean weight is below this share of an equal share.
UNUSED_SHARE = 0.05
# A gate counts as polarised if the mean weight of one expert is above this weight.
POLARISED_WEIGHT = 0.95


class GateSummary(TypedDict):
    """How one gate weighs its experts.

    Attributes:
        level: the level or layer, such as `level_1`; "" for models without levels. The
            kind of a gate that is no plain one follows, as in `level_1 self`, and the
            name of the gate's owner, if the owner is no task.
        task: the task of the gate; None for a gate of several tasks.
        rows: number of rows that the means are taken over. Without any, there are no
            weights and no entropies.
        weights: {expert: mean weight}.
        entropy_of_mean: entropy of the mean weights, from 0, if the gate gives all
            weight to one expert, to 1, if all experts have equal weights. Weights that
            are no shares, and do not sum to 1, have no entropies.
        mean_entropy: mean over the rows of the entropy of a row's weights, 0 to 1.
        unused: the experts that hardly get any weight; if the weights are no shares,
            the experts of weight 0.
        polarised: the expert that gets nearly all weight; None if there is none.
        not_trained: the experts that the gate weighs without training them: a
            stop-gradient lies between. Left out if there is none.
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
    """The content of `gates.json`.

    Attributes:
        rows: number of rows that passed through the gates.
        gates: the summaries of all gates.
        dead: `LEVEL EXPERT` for each expert that no gate of its level uses.
        slices: the same by slice, with the keys `column` and `slice`, see
            `gate_slices`.
    """

    rows: int
    gates: list[GateSummary]
    dead: list[str]
    slices: NotRequired[list[dict[str, Any]]]


def summarize_gates(measured: GateWeights) -> GateUsage:
    """Returns how gates weigh their experts on some rows."""
    gates = [
        gate
        for layer in measured.layers
        for gate in summarize_layer(
            layer, measured.weights[layer.name], measured.is_counted
        )
    ]
    return {"rows": measured.rows, "gates": gates, "dead": dead_experts(gates)}


def summarize_layer(
    layer: "Routing", weights: Array, is_counted: dict[str, Array]
) -> list[GateSummary]:
    """Returns the summary of each gate in a layer.

    Args:
        layer: the layer. The name may begin with a level: `level_1_shared_gate`.
        weights: the weights of the experts, `(gates, rows, experts)`.
        is_counted: {task: whether each row counts, (rows,)}.
    """
    tasks = list(is_counted)
    match = re.search(r"((?:level|layer)_\d+)_?(self|feature)?", layer.name)
    labels = [*match.groups(), layer.label] if match else [layer.label]
    layer_level = " ".join(filter(None, labels))

    def name_of(expert: "Expert") -> str:
        owner = expert.owner if isinstance(expert.owner, str) else tasks[expert.owner]
        return f"{owner} {expert.number or ''}".strip()

    summaries = []
    for route, gate_weights in zip(layer.routes, weights, strict=True):
        level, task = layer_level, None
        if isinstance(route.owner, str):
            level = f"{level} {route.owner}".strip()
        elif route.owner is not None:
            task = tasks[route.owner]
            gate_weights = gate_weights[is_counted[task]]
        experts = list(route.experts)
        if layer.reports_owners:
            gate_weights, experts = mean_by_owner(gate_weights, experts)
        names = {expert: name_of(expert) for expert in experts}
        summary = summarize_gate(
            level, task, gate_weights, list(names.values()), layer.are_shares
        )
        if not_trained := [name for e, name in names.items() if not e.trained]:
            summary["not_trained"] = not_trained
        summaries.append(summary)
    return summaries


def mean_by_owner(
    weights: Array, experts: "list[Expert]"
) -> "tuple[Array, list[Expert]]":
    """Returns the mean weight of each owner's experts, and one expert per owner."""
    columns: dict[Expert, list[int]] = {}
    for i, expert in enumerate(experts):
        columns.setdefault(expert._replace(number=0), []).append(i)
    means = [weights[:, of_owner].mean(axis=1) for of_owner in columns.values()]
    return np.stack(means, axis=1), list(columns)


def summarize_gate(
    level: str,
    task: str | None,
    weights: Array,
    names: list[str],
    are_shares: bool = True,
) -> GateSummary:
    """Returns the summary of one gate.

    Args:
        level: the level of the gate, or "".
        task: the task of the gate; None for a gate of all tasks.
        weights: the weights of the experts, `(rows, experts)`.
        names: the names of the experts.
        are_shares: whether the weights of a row sum to 1.
    """
    if not len(weights):
        return {
            "level": level,
            "task": task,
            "rows": 0,
            "weights": {},
            "unused": [],
            "polarised": None,
        }
    mean = weights.mean(axis=0)
    heaviest = int(mean.argmax())
    mean_weights = dict(zip(names, mean.tolist(), strict=True))
    if not are_shares:
        return {
            "level": level,
            "task": task,
            "rows": len(weights),
            "weights": mean_weights,
            "unused": [name for name, w in mean_weights.items() if w == 0],
            "polarised": None,
        }
    threshold = UNUSED_SHARE / len(names)
    return {
        "level": level,
        "task": task,
        "rows": len(weights),
        "weights": mean_weights,
        "entropy_of_mean": float(entropy(mean)),
        "mean_entropy": float(entropy(weights).mean()),
        "unused": [name for name, w in mean_weights.items() if w < threshold],
        "polarised": names[heaviest] if mean[heaviest] > POLARISED_WEIGHT else None,
    }


def entropy(weights: Array) -> Array:
    """Returns the entropy over the last axis: 0 for one expert, 1 for equal weights."""
    logs = np.log(np.maximum(weights, np.finfo("float64").tiny))
    entropies: Array = -(weights * logs).sum(axis=-1) / np.log(weights.shape[-1])
    return entropies


def dead_experts(gates: list[GateSummary]) -> list[str]:
    """Returns `LEVEL EXPERT` for each expert that no gate of its level uses."""
    is_used: dict[str, bool] = {}
    for gate in gates:
        for name in gate["weights"]:
            expert = f"{gate['level']} {name}".strip()
            is_used[expert] = is_used.get(expert, False) or name not in gate["unused"]
    return [expert for expert, used in is_used.items() if not used]


def gate_warnings(usage: GateUsage | None) -> list[str]:
    """Returns one warning that names dead experts and polarised gates, or none."""
    if usage is None:
        return []
    remarks = [f"{name} is dead" for name in usage["dead"]]
    for gate in usage["gates"]:
        if gate["polarised"]:
            name = f"{gate['level']} gate of {gate['task'] or 'all tasks'}".strip()
            remarks.append(f"{name} gives {gate['polarised']} nearly all weight")
    if not remarks:
        return []
    return [f"experts: {', '.join(remarks)}; gates.json has the weights"]
