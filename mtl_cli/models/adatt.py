"""Adaptive task-to-task fusion: a task's gate weighs the experts of all tasks."""

from collections.abc import Sequence

from pydantic import model_validator

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NumParts, NumPartsOrZero, SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing


class AdaTT(GatedSharing):
    """Each level has one fusion unit u per task t = 1 ... T, and a shared unit s.

        x_u^0 = x
        E_u^j = experts f_u1^j, f_u2^j, ... of unit u (x_u^{j-1})
        E^j   = [E_1^j; ...; E_T^j; E_s^j]
        g_u^j = softmax(W_u^j x_u^{j-1})             a weight for each expert in E^j
        x_u^j = sum_i g_ui^j E_i^j + sum_i v_ui^j E_ui^j   for each level j = 1 ... J
        z_t   = x_t^J
        y_t   = h_t(z_t)

    x is the encoding of a row, h_t the tower and y_t the logits of task t; see
    `Sharing`. E_u^j is the list of the outputs of unit u's experts, and E_ui^j one
    output. E^j is the list for all units, and E_i^j one output. The native weights
    v_ui^j are trained, and are the same for all rows. If all units have a single
    expert, there are no native weights: v_ui^j is 1.

    The last level has no output x_s^J. Without shared experts, there is no unit s; the
    paper calls this AdaTT-sp. The paper writes l for j, L for J, f_t^l(x) for x_t^j,
    e_ti^l for the expert f_ti^j, m_t for the number of experts of unit t, and G_t^l for
    the weights g_t^j. `layers.adatt_level` computes a level.

    Attributes:
        num_levels: number of levels, J.
        num_specific_experts: number of experts of each task in each level.
        num_shared_experts: number of experts of the shared unit in each level; 0 for no
            shared unit.
        expert_units: widths of the layers of each expert.

    Reference: Li et al., "AdaTT: Adaptive Task-to-Task Fusion Network for Multitask
        Learning in Recommendations", KDD 2023, equations 1 to 10.
        Differs from the paper in: the experts of all levels have the same widths.
    """

    num_levels: NumParts
    num_specific_experts: NumPartsOrZero
    num_shared_experts: NumPartsOrZero
    expert_units: SomeUnits

    @model_validator(mode="after")
    def _check_experts(self) -> "AdaTT":
        if self.num_specific_experts + self.num_shared_experts == 0:
            raise ValueError("num_specific_experts: there are no experts; set it to 1")
        return self

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import adatt_level

        (x,) = encodings.outputs  # one encoding, (batch, dim)
        x_tasks = x_shared = x  # x_t^0, x_s^0
        for level in range(1, self.num_levels + 1):
            # x_t^j, (tasks, batch, units), and x_s^j, (batch, units)
            x_tasks, x_shared = adatt_level(
                x_tasks,
                x_shared,
                num_tasks=len(tasks),
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
