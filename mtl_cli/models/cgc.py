"""Customized gate control: each task has experts of its own beside the shared ones."""

from collections.abc import Sequence
from itertools import chain

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NonEmptyUnits, NumParts, NumPartsOrZero
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing


class CGC(GatedSharing):
    """The gate g_t of each task t weighs the task's own experts and the shared experts.

        E_t(x) = specific experts of task t (x)
        E_s(x) = shared experts (x)
        S_t(x) = [E_t(x); E_s(x)]
        g_t(x) = softmax(W_t x)           a weight for each expert in S_t
        z_t    = sum_i g_t(x)_i S_t(x)_i
        y_t    = h_t(z_t)

    `Sharing` explains x, h_t and y_t. E_t, E_s and S_t are lists of experts' outputs,
    and S_t(x)_i is one output. CGC is PLE with one level; `layers.extract` mixes the
    experts of a level. The paper uses other letters:

        here     t, T   E_t                     S_t   g_t   W_t     z_t   h_t
        paper    k, K   E_(k,1) ... E_(k,m_k)   S^k   w^k   W_g^k   g^k   t^k

    Attributes:
        num_specific_experts: number of experts of each task, m_k in the paper; with 0,
            CGC is MMoE. In PLE, each level has this number.
        num_shared_experts: number of shared experts, m_s in the paper. In PLE, each
            level has this number.
        expert_units: widths of the layers of each expert.

    Reference: Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task
        Learning (MTL) Model for Personalized Recommendations", RecSys 2020,
        equations 2 to 5.
    """

    num_specific_experts: NumPartsOrZero
    num_shared_experts: NumParts
    expert_units: NonEmptyUnits

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        z, _ = self.connect_level(x, x, len(tasks), "level_1", is_last=True)
        return z  # z_t, (tasks, batch, units)

    def connect_level(
        self,
        x_tasks: Tensor,
        x_shared: Tensor,
        num_tasks: int,
        name: str,
        is_last: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Connects one level of experts and gates; see `layers.extract`.

        The last level has no shared gate and no shared output.
        """
        from mtl_cli.layers import Route, extract
        from mtl_cli.layers.routing import specific_and_shared_experts

        n, m = self.num_specific_experts, self.num_shared_experts
        units = self.expert_units
        # The names of the experts, for reports: a list per task, and the shared ones
        specific_names, shared_names = specific_and_shared_experts(num_tasks, n, m)
        shared_experts = self.networks(m, units, f"{name}_shared_experts")
        routes = [Route(t, own + shared_names) for t, own in enumerate(specific_names)]
        task_gates = self.gates(routes, f"{name}_gates")
        specific_experts = shared_gate = None
        if n > 0:
            specific_experts = self.networks(
                num_tasks * n, units, f"{name}_specific_experts"
            )
        if not is_last:
            route = Route(None, [*chain(*specific_names), *shared_names])
            shared_gate = self.gates([route], f"{name}_shared_gate")
        return extract(
            x_tasks, x_shared, specific_experts, shared_experts, task_gates, shared_gate
        )
