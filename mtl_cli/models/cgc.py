"""Customized gate control: each task has experts of its own beside the shared ones."""

from collections.abc import Sequence
from itertools import chain

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NumParts, NumPartsOrZero, SomeUnits
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

    x is the encoding of a row, h_t the tower and y_t the logits of task t; see
    `Sharing`. E_t, E_s and S_t are lists of experts' outputs, and S_t(x)_i is one
    output. CGC is PLE with one level; `layers.extract` mixes the experts of a level.

    The paper writes k for t, one of K tasks, w^k for the gate g_t, W_g^k for W_t, S^k
    for S_t, d for the length of x, g^k for z_t, and t^k for the tower h_t. The paper's
    E_(k,1) ... E_(k,m_k) are the outputs in E_t, and E_(s,1) ... E_(s,m_s) the outputs
    in E_s.

    Attributes:
        num_specific_experts: number of experts of each task in each level, m_k in the
            paper; with 0, a level is an MMoE.
        num_shared_experts: number of shared experts in each level, m_s in the paper.
        expert_units: widths of the layers of each expert.

    Reference: Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task
        Learning (MTL) Model for Personalized Recommendations", RecSys 2020,
        equations 2 to 5.
    """

    num_specific_experts: NumPartsOrZero
    num_shared_experts: NumParts
    expert_units: SomeUnits

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
    ) -> tuple[Tensor, Tensor]:
        """Connects one level j of experts and gates. `PLE` has the equations.

        Args:
            x_tasks: the inputs x_t^{j-1}, `(tasks, batch, dim)`; or `(batch, dim)` if
                all tasks read the same input.
            x_shared: the shared input x_s^{j-1}, `(batch, dim)`.
            num_tasks: number of tasks, T.
            name: prefix of the layers' names.
            is_last: whether no level follows.

        Returns: x_t^j, `(tasks, batch, units)`; and x_s^j, `(batch, units)`, or None in
            the last level.
        """
        from mtl_cli.layers import Route, experts_of, extract
        from mtl_cli.layers.routing import SHARED

        n = self.num_specific_experts
        units = self.expert_units
        # The names of the experts, for reports
        specific = [experts_of(t, n) for t in range(num_tasks)]
        shared = experts_of(SHARED, self.num_shared_experts)
        f_shared = self.networks(len(shared), units, f"{name}_shared_experts")
        routes = [Route(t, experts + shared) for t, experts in enumerate(specific)]
        g_tasks = self.gates(routes, f"{name}_gates")
        f_tasks = None
        if n:
            f_tasks = self.networks(num_tasks * n, units, f"{name}_specific_experts")
        g_shared = None
        if not is_last:
            route = Route(None, [*chain(*specific), *shared])
            g_shared = self.gates([route], f"{name}_shared_gate")
        return extract(x_tasks, x_shared, f_tasks, f_shared, g_tasks, g_shared)
