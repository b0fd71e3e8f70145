"""STEM: embeddings of each task beside shared ones, and gates over all experts."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NumParts, SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing


class STEM(GatedSharing):
    """Each task t reads all experts, but trains only its own and the shared experts.

        x_t^0 = the encoding by the embeddings of task t
        x_s^0 = the encoding by the shared embeddings
        F_t^j = specific experts of task t (x_t^{j-1})     for each level j = 1 ... J
        F_s^j = shared experts (x_s^{j-1})
        S_t^j = [sg(F_1^j); ...; F_t^j; ...; sg(F_T^j); F_s^j]
        S_s^j = [F_1^j; ...; F_T^j; F_s^j]
        x_t^j = sum_i g_t^j(x_t^{j-1} + x_s^{j-1})_i S_ti^j
        x_s^j = sum_i g_s^j(x_s^{j-1})_i S_si^j            for each level j < J
        z_t   = x_t^J
        y_t   = h_t(z_t)

    h_t is the tower and y_t the logits of task t; see `Sharing`. F and S are lists of
    experts' outputs, and S_ti^j is one output. A gate g is a softmax; in the paper, it
    has hidden layers. sg stops gradients: the loss of a task does not reach the
    experts of other tasks. With one level, the loss does not reach the embeddings of
    other tasks either.
    `layers/stem_level.py` computes a level.

    Attributes:
        num_levels: number of levels, J.
        num_specific_experts: number of experts of each task in each level.
        num_shared_experts: number of shared experts in each level.
        expert_units: widths of the layers of each expert.

    Reference: Su et al., "STEM: Unleashing the Power of Embeddings for Multi-task
        Recommendation", AAAI 2024.
        Differs from the paper in: the last layer of a gate has no bias.
    """

    num_levels: NumParts
    num_specific_experts: NumParts
    num_shared_experts: NumParts
    expert_units: SomeUnits

    def num_encodings(self, num_tasks: int) -> int:
        return num_tasks + 1

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from keras import ops

        from mtl_cli.layers.stem_level import stem_level

        *x_by_task, x_shared = encodings.outputs  # one x_t^0 per task, and x_s^0
        x_tasks = ops.stack(x_by_task)  # (tasks, batch, dim)
        for level in range(1, self.num_levels + 1):
            # x_t^j, (tasks, batch, units), and x_s^j, (batch, units)
            x_tasks, x_shared = stem_level(
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
        return x_tasks  # z_t, (tasks, batch, units)
