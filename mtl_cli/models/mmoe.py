"""Mixture of experts with a gate for each task."""

from mtl_cli.core.options import Count, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class MMoE(Sharing):
    """Each task mixes the shared experts by its own gate.

    `y_t = h_t(sum_i g_t(x)_i f_i(x))`, `g_t(x) = softmax(W_t x)`.

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

    def share(self, encodings: list[Tensor], num_tasks: int) -> Tensor:
        from mtl_cli.layers import Gates, Mix, ParallelMLP

        (x,) = encodings
        experts = ParallelMLP(
            self.num_experts, self.expert_units, name="experts", **self.dense_options
        )(x)  # (E, B, H)
        gates = Gates(
            num_tasks,
            self.num_experts,
            self.gate_units,
            name="gates",
            **self.dense_options,
        )(x)  # (T, B, E)
        return Mix()(gates, experts)
