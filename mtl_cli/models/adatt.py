"""Adaptive task-to-task fusion: each task reads the experts of all tasks."""

from collections.abc import Sequence

from pydantic import model_validator

from mtl_cli.core.options import Count, CountOrZero, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.gates.base import GateName
from mtl_cli.models.base import Sharing


class AdaTT(Sharing):
    """Levels of units that read all experts: one unit per task t, and a shared unit s.

        f_t^0 = f_s^0 = x
        E_u^j = [experts of unit u (f_u^{j-1})]            for the units u = 1 ... T, s
        f_u^j = g_u^j(f_u^{j-1}) [E_1^j; ...; E_T^j; E_s^j] + v_u^j E_u^j
        z_t   = f_t^J
        y_t   = h_t(z_t)

    A gate g = softmax(W f) weighs the experts of all units. The native weights v_u are
    learnt numbers, one per expert of the unit; if all units have a single expert, v_u
    is 1. The last level has no output f_s. Without shared experts this is AdaTT-sp.
    `layers.adatt_level` computes a level.

    Attributes:
        num_levels: number of levels, J.
        num_specific_experts: experts of each task in a level.
        num_shared_experts: experts of the shared unit in a level; 0 is AdaTT-sp.
        expert_units: widths of each expert.
        gate_units: hidden widths of each gate; empty is the paper's linear gate.

    Reference: Li et al., "AdaTT: Adaptive Task-to-Task Fusion Network for Multitask
        Learning in Recommendations", KDD 2023, equations 3 to 9.
        Differs from the paper in: the experts of all levels have the same widths.
    """

    num_levels: Count
    num_specific_experts: CountOrZero
    num_shared_experts: CountOrZero
    expert_units: SomeUnits
    gate_units: Units
    gate: GateName = "softmax"

    @model_validator(mode="after")
    def _check_experts(self) -> "AdaTT":
        if self.num_specific_experts + self.num_shared_experts == 0:
            raise ValueError("num_specific_experts: there are no experts; set it to 1")
        return self

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import adatt_level

        (x,) = encodings
        f_tasks = f_shared = x  # f_t^0, f_s^0
        for level in range(1, self.num_levels + 1):
            f_tasks, f_shared = adatt_level(  # f_t^j, (T, B, H), and f_s^j, (B, H)
                f_tasks,
                f_shared,
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
        return f_tasks  # z_t
