"""Mixture of experts with one gate for all tasks."""

from mtl_cli.core.options import Count, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class OMoE(Sharing):
    """All tasks read one mixture: `y_t = h_t(sum_i g(x)_i f_i(x))`.

    Attributes:
        num_experts: number of experts, E.
        expert_units: widths of each expert.
        gate_units: hidden widths of the gate; empty is the paper's linear gate.

    Reference: Ma et al., KDD 2018, equation 2.
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
        gate = Gates(
            1, self.num_experts, self.gate_units, name="gate", **self.dense_options
        )(x)  # (1, B, E)
        return Mix()(gate, experts)[0]
