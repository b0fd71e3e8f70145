"""Customized gate control: experts of each task, and shared ones."""

from mtl_cli.core.options import Count, CountOrZero, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class CGC(Sharing):
    """Each task mixes its own experts and the shared ones by its own gate.

    `y_t = h_t(g_t(x) [own experts of t; shared experts](x))`: one level of PLE.

    Attributes:
        num_specific_experts: experts of each task; 0 makes it MMoE.
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

    def share(self, encodings: list[Tensor], num_tasks: int) -> Tensor:
        from mtl_cli.layers import extract

        (x,) = encodings
        tasks, _ = extract(
            x,
            x,
            num_tasks=num_tasks,
            num_specific_experts=self.num_specific_experts,
            num_shared_experts=self.num_shared_experts,
            expert_units=self.expert_units,
            gate_units=self.gate_units,
            name="level_1",
            **self.dense_options,
        )
        return tasks
