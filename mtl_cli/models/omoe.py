"""One-gate mixture of experts: the same gate mixes the experts for all tasks."""

from collections.abc import Sequence

from mtl_cli.core.options import Count, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.gates.base import GateName
from mtl_cli.models.base import Sharing


class OMoE(Sharing):
    """All tasks read one mixture of the experts f_i, weighed by one gate g.

        g(x) = softmax(W x)           a weight for each expert
        z_t  = sum_i g(x)_i f_i(x)    the same for all tasks
        y_t  = h_t(z_t)

    Attributes:
        num_experts: number of experts, E.
        expert_units: widths of each expert.
        gate_units: hidden widths of the gate; empty is the paper's linear gate.

    Reference: Ma et al., "Modeling Task Relationships in Multi-task Learning with
        Multi-gate Mixture-of-Experts", KDD 2018, equation 2.
    """

    num_experts: Count
    expert_units: SomeUnits
    gate_units: Units
    gate: GateName = "softmax"

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import Mix, ParallelMLP

        (x,) = encodings
        f = ParallelMLP(
            self.num_experts, self.expert_units, name="experts", **self.dense_options
        )
        experts = f(x)  # f_i(x), (E, B, H)
        g = self.gate_option.layer(
            1, self.num_experts, self.gate_units, name="gate", **self.dense_options
        )
        weights = g(x)  # g(x), (1, B, E)
        return Mix()(weights, experts)[0]  # z_t, (B, H)
