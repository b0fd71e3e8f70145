"""STEM: shared embeddings, embeddings of each task, and gates that stop gradients."""

from collections.abc import Sequence

from mtl_cli.core.options import Count, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.gates.base import GateName
from mtl_cli.models.base import Sharing


class STEM(Sharing):
    """Each task t reads all experts, but trains only its own and the shared ones.

        x_t^0 = encoding by the embeddings of task t; x_s^0 = encoding by shared ones
        F_t^j = specific experts of task t (x_t^{j-1})     for each level j = 1 ... J
        F_s^j = shared experts (x_s^{j-1})
        S_t^j = [sg(F_1^j); ...; F_t^j; ...; sg(F_T^j); F_s^j]
        x_t^j = sum_i g_t^j(x_t^{j-1} + x_s^{j-1})_i S_t^j_i
        x_s^j = sum_i g_s^j(x_s^{j-1})_i [F_1^j; ...; F_T^j; F_s^j]_i      for j < J
        z_t   = x_t^J
        y_t   = h_t(z_t)

    sg stops gradients: the loss of a task reaches no experts of the other tasks and,
    with one level, none of their embeddings. g is a softmax, with hidden layers in the
    paper. `layers/stem_level.py` computes a level.

    Attributes:
        num_levels: number of levels, J.
        num_specific_experts: experts of each task in a level.
        num_shared_experts: experts of a level that belong to no task.
        expert_units: widths of each expert.
        gate_units: hidden widths of each gate.

    Reference: Su et al., "STEM: Unleashing the Power of Embeddings for Multi-task
        Recommendation", AAAI 2024.
        Differs from the paper in: the last layer of a gate has no bias.
    """

    num_levels: Count
    num_specific_experts: Count
    num_shared_experts: Count
    expert_units: SomeUnits
    gate_units: Units
    gate: GateName = "softmax"

    def num_encodings(self, num_tasks: int) -> int:
        return num_tasks + 1

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        from keras import ops

        from mtl_cli.layers.stem_level import stem_level

        *of_tasks, x_shared = encodings  # x_s^0, (B, D)
        x_tasks = ops.stack(of_tasks)  # x_t^0, (T, B, D)
        for level in range(1, self.num_levels + 1):
            x_tasks, x_shared = stem_level(  # x_t^j, (T, B, H), and x_s^j, (B, H)
                tasks=x_tasks,
                shared=x_shared,
                num_specific_experts=self.num_specific_experts,
                num_shared_experts=self.num_shared_experts,
                expert_units=self.expert_units,
                gate_units=self.gate_units,
                make_gates=self.gate_option.layer,
                is_last=level == self.num_levels,
                name=f"level_{level}",
                **self.dense_options,
            )
        return x_tasks  # z_t
