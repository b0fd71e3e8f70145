"""Progressive layered extraction: levels of CGC."""

from mtl_cli.core.options import Count, CountOrZero, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class PLE(Sharing):
    """Levels of CGC. Between levels, a shared stream mixes all experts.

    Each level gives one stream for each task and the shared stream. In the next level,
    the experts and the gate of a task read the task's stream. The last level has no
    shared gate, since no tower reads the shared stream.

    Attributes:
        num_levels: extraction levels; 1 is CGC.
        num_specific_experts: experts of each task in a level; 0 is stacked MMoE.
        num_shared_experts: experts of a level that all tasks read.
        expert_units: widths of each expert.
        gate_units: hidden widths of each gate; empty is the paper's linear gate.

    Reference: Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task
        Learning (MTL) Model for Personalized Recommendations", RecSys 2020,
        equations 5 to 7.
    """

    num_levels: Count
    num_specific_experts: CountOrZero
    num_shared_experts: Count
    expert_units: SomeUnits
    gate_units: Units

    def share(self, encodings: list[Tensor], num_tasks: int) -> Tensor:
        from mtl_cli.layers import extract

        (x,) = encodings
        tasks = shared = x
        for level in range(1, self.num_levels + 1):
            tasks, shared = extract(
                tasks,
                shared,
                num_tasks=num_tasks,
                num_specific_experts=self.num_specific_experts,
                num_shared_experts=self.num_shared_experts,
                expert_units=self.expert_units,
                gate_units=self.gate_units,
                is_last=level == self.num_levels,
                name=f"level_{level}",
                **self.dense_options,
            )
        return tasks
