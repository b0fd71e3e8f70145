"""Customized gate control: each task has experts of its own beside the shared ones."""

from collections.abc import Sequence

from mtl_cli.core.options import Count, CountOrZero, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.gates.base import GateName
from mtl_cli.models.base import Sharing


class CGC(Sharing):
    """Each task t mixes its own and the shared experts by a gate g_t of its own.

        S_t(x) = [specific experts of task t (x); shared experts (x)]
        g_t(x) = softmax(W_t x)           a weight for each expert in S_t
        z_t    = sum_i g_t(x)_i S_t(x)_i
        y_t    = h_t(z_t)

    CGC is PLE with one level; `layers.extract` computes a level. The paper writes w^t
    for g_t and g^t for z_t.

    Attributes:
        num_specific_experts: experts of each task; 0 makes CGC an MMoE.
        num_shared_experts: experts that all tasks read.
        expert_units: widths of each expert.
        gate_units: hidden widths of each gate; empty is the paper's linear gate.

    Reference: Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task
        Learning (MTL) Model for Personalized Recommendations", RecSys 2020,
        equations 1 to 4.
    """

    num_specific_experts: CountOrZero
    num_shared_experts: Count
    expert_units: SomeUnits
    gate_units: Units
    gate: GateName = "softmax"

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import extract

        (x,) = encodings
        z, _ = extract(
            tasks=x,
            shared=x,
            num_tasks=len(tasks),
            num_specific_experts=self.num_specific_experts,
            num_shared_experts=self.num_shared_experts,
            expert_units=self.expert_units,
            gate_units=self.gate_units,
            make_gates=self.gate_option.layer,
            name="level_1",
            **self.dense_options,
        )
        return z  # z_t, (T, B, H)
