"""Multi-gate mixture of experts: the gate of each task mixes shared experts."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NonEmptyUnits, NumParts
from mtl_cli.core.owners import SHARED
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing


class MMoE(GatedSharing):
    """All tasks share the experts f_i. The gate g_t of each task t weighs the experts.

        g_t(x) = softmax(W_t x)           a weight for each expert
        z_t    = sum_i g_t(x)_i f_i(x)
        y_t    = h_t(z_t)

    `Sharing` explains x, h_t and y_t. The paper writes k for t, K for T, f^k(x) for
    z_t, W_gk for W_t, and d for the length of x.

    Attributes:
        num_experts: number of experts, n in the paper.
        expert_units: widths of the layers of each expert.

    Reference: Ma et al., "Modeling Task Relationships in Multi-task Learning with
        Multi-gate Mixture-of-Experts", KDD 2018, equations 6 to 8.
    """

    num_experts: NumParts
    expert_units: NonEmptyUnits

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import Mix, Route, experts_of

        (x,) = encodings.outputs  # one encoding, (batch, dim)
        f = self.networks(self.num_experts, self.expert_units, name="experts")
        outputs = f(x)  # f_i(x), (experts, batch, units)
        experts = experts_of(SHARED, self.num_experts)
        g = self.gates([Route(t, experts) for t in range(len(tasks))], name="gates")
        weights = g(x)  # g_t(x), equation 8, (tasks, batch, experts)
        return Mix()(weights, outputs)  # z_t, equation 7, (tasks, batch, units)
