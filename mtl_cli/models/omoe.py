"""OMoE: a mixture of experts with a single gate for all tasks."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NonEmptyUnits, NumParts
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing


class OMoE(GatedSharing):
    """All tasks share the experts f_i and the gate g. The gate weighs the experts.

        g(x) = softmax(W x)           a weight for each expert
        z_t  = sum_i g(x)_i f_i(x)    the same for all tasks t
        y_t  = h_t(z_t)

    `Sharing` explains x, h_t and y_t. The paper writes y for z_t.

    Attributes:
        num_experts: number of experts, n in the paper.
        expert_units: widths of the layers of each expert.

    Reference: Ma et al., KDD 2018, equation 5, see `models/mmoe.py`.
    """

    num_experts: NumParts
    expert_units: NonEmptyUnits

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import Mix
        from mtl_cli.layers.routing import routes_to_shared

        (x,) = encodings.outputs  # one encoding, (batch, dim)
        f = self.networks(self.num_experts, self.expert_units, name="experts")
        outputs = f(x)  # f_i(x), (experts, batch, units)
        g = self.gates(routes_to_shared(1, self.num_experts), name="gate")
        weights = g(x)  # g(x), (1, batch, experts)
        return Mix()(weights, outputs)[0]  # z_t, equation 5, (batch, units)
