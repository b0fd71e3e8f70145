"""The content of `gates.json`: how much weight gates give to their experts.

`gate_usage` defines unused and dead experts, and polarised gates.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict


class GateSummary(TypedDict):
    """How one gate weighs its experts.

    Most gates give each row weights that sum to 1. Other gates give factors that do not
    sum to 1. Gates that give factors have no entropies and are never polarised.

    Attributes:
        level: the place of the gate in the network, in up to three words: the level or
            layer, the kind of the gate, and the gate's owner if the owner is not a
            task. Examples: `level_1`, `level_1 self`, `layer_2`, `personal`; "" for the
            gates of a model without levels.
        task: the task of the gate; None if the gate serves several tasks.
        rows: the number of rows over which the means are taken: the sampled rows in the
            task's space, or all sampled rows if `task` is None. Without rows, `weights`
            is empty, and the entropies are absent.
        weights: {expert: mean weight}.
        entropy_of_mean: the entropy of the mean weights, from 0 (all weight on one
            expert) to 1 (all experts have equal weights).
        mean_entropy: the entropy of each row's weights, from 0 to 1, averaged over the
            rows. The mean entropy is far below `entropy_of_mean` if each row uses few
            experts, but different rows use different experts.
        unused: the experts that the gate does not use: their mean weight is below
            `gate_usage.UNUSED_FRACTION` / experts or, if weights are factors, 0.
        polarised: the expert whose mean weight is above `gate_usage.POLARISED_WEIGHT`;
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
    """The content of `gates.json`, apart from the name of the split.

    Attributes:
        rows: the number of sampled rows. All sampled rows passed through all gates.
        gates: the summary of each gate.
        dead: the dead experts, each as `LEVEL EXPERT`, such as `level_1 shared 2`.
        slices: the usage by slice of the sampled rows, see `usage_by_slice`. The dict
            of a slice has the keys `column` and `slice`, and the keys `rows`, `gates`
            and `dead` for the rows of the slice.
    """

    rows: int
    gates: list[GateSummary]
    dead: list[str]
    slices: NotRequired[list[dict[str, Any]]]


def gate_title(gate: Mapping[str, Any]) -> str:
    """Returns the title of a gate, such as `level_1 gate of click`."""
    return f"{gate['level']} gate of {gate['task'] or 'all tasks'}".strip()


def gate_warnings(usage: GateUsage | None) -> list[str]:
    """Returns one warning that names dead experts and polarised gates.

    Args:
        usage: the use of experts; None for a network without gates.

    Returns: a list with the warning; [] if there is nothing to warn about.
    """
    if usage is None:
        return []
    remarks = [f"{name} is dead" for name in usage["dead"]]
    for gate in usage["gates"]:
        if gate["polarised"]:
            title = gate_title(gate)
            remarks.append(f"{title} gives {gate['polarised']} nearly all weight")
    if not remarks:
        return []
    return [f"experts: {', '.join(remarks)}; gates.json has the weights"]
