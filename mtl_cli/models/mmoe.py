"""Multi-gate mixture of experts: the gate of each task mixes shared experts."""

from collections.abc import Sequence

from mtl_cli.core.options import Count, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.gates.base import GateName
from mtl_cli.models.base import Sharing


class MMoE(Sharing):
    """Each task t mixes the shared experts f_i by a gate g_t of its own.

        g_t(x) = softmax(W_t x)           a weight for each expert
        z_t    = sum_i g_t(x)_i f_i(x)
        y_t    = h_t(z_t)

    Attributes:
        num_experts: number of experts, E.
        expert_units: widths of each expert.
        gate_units: hidden widths of each gate; empty is the paper's linear gate.

    Reference: Ma et al., "Modeling Task Relationships in Multi-task Learning with
        Multi-gate Mixture-of-Experts", KDD 2018, equations 5 to 7.
    """

    num_experts: Count
    expert_units: SomeUnits
    gate_units: Units
    gate: GateName = "softmax"

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import Mix, ParallelMLP, Route, experts_of

        (x,) = encodings
        f = ParallelMLP(
            self.num_experts, self.expert_units, name="experts", **self.dense_options
        )
        experts = f(x)  # f_i(x), (E, B, H)
        shared = experts_of("shared", self.num_experts)
        g = self.gate_option.layer(
            len(tasks),
            self.num_experts,
            self.gate_units,
            routes=[Route(t, shared) for t in range(len(tasks))],
            name="gates",
            **self.dense_options,
        )
        weights = g(x)  # g_t(x), (T, B, E)
        return Mix()(weights, experts)  # z_t, (T, B, H)
