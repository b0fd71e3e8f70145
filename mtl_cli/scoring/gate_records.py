"""The records of `gates.json` about the gates of a network, and their terms.

The *place* of a gate is its position in the network, such as the level of a PLE. Within
a level, experts of the same name are the same expert for all gates. For gates that only
scale, such as feature gates, they are the same expert only within a place. An expert is
*unused* by a gate if the gate gives the expert hardly any weight. An expert is *dead*
if all gates that weigh it leave it unused: a dead expert hardly affects any prediction.
A gate is *polarised* if it gives one expert nearly all weight.

In this package, a gate is any layer that weighs something, and an expert is what the
layer weighs, see `layers.routing.Routing`. For example, a feature gate weighs features.
"""

from typing import Any, NotRequired, TypedDict

# If a gate treats its n experts alike, each has the mean weight 1 / n. The gate does
# not use an expert whose mean weight is below this fraction of 1 / n.
UNUSED_FRACTION = 0.05
# A gate is polarised if the mean weight of one expert is above this weight.
POLARISED_WEIGHT = 0.95


class GateSummary(TypedDict):
    """How one gate weighs its experts.

    The weights of most gates are shares: they sum to 1 in each row, or to less in
    DSelect-k. The entropies, `unused` and `polarised` refer to the weights divided by
    their sum. Gates whose weights are factors have no entropies and are never
    polarised.

    Attributes:
        level: the name of the gate's place: the level or layer, the kind of the gate,
            and the gate's owner if the owner is not a task. Examples: `level_1`,
            `level_1 self`, `layer_2`, `personal`, and "" in MMoE.
        task: the task of the gate; None if the gate serves several tasks.
        rows: the number of rows over which the means are taken: those that count for
            the task, with finite weights. Without rows, `weights` is empty, and the
            entropies are absent.
        weights: {expert: mean weight over the rows}, not divided by their sum.
        entropy_of_mean: the entropy of the mean weights, from 0 (all weight on one
            expert) to 1 (all experts have equal weights).
        mean_entropy: the mean over the rows of the entropy of a row's weights. It is
            far below `entropy_of_mean` if different rows use different experts.
        unused: the experts with a mean weight below `UNUSED_FRACTION` / n, of n. If the
            weights are factors, those with a mean weight of 0.
        polarised: the expert whose mean weight is above `POLARISED_WEIGHT`, or None.
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
        rows: the number of sampled rows.
        dead: the dead experts, each as `LEVEL EXPERT`, such as `level_1 shared 2`; or
            as `PLACE EXPERT` for gates that only scale.
        slices: see `usage_by_slice`.
    """

    rows: int
    gates: list[GateSummary]
    dead: list[str]
    slices: NotRequired[list[dict[str, Any]]]
