"""Progressive layered extraction: several levels of CGC."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NumParts, NumPartsOrZero, SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing


class PLE(GatedSharing):
    """Each level computes one vector x_t per task t, and one shared vector x_s.

        x_t^0 = x_s^0 = x
        E_t^j = specific experts of task t (x_t^{j-1})     for each level j = 1 ... J
        E_s^j = shared experts (x_s^{j-1})
        S_t^j = [E_t^j; E_s^j]
        S_s^j = [E_1^j; ...; E_T^j; E_s^j]
        x_t^j = sum_i g_t^j(x_t^{j-1})_i S_ti^j
        x_s^j = sum_i g_s^j(x_s^{j-1})_i S_si^j            for each level j < J
        z_t   = x_t^J
        y_t   = h_t(z_t)

    x is the encoding of a row, h_t the tower and y_t the logits of task t; see
    `Sharing`. E and S are lists of experts' outputs, and S_ti^j is one output. Each
    gate is g(v) = softmax(W v), with a W of its own. `layers.extract` computes a level.

    The paper writes k for t, one of K tasks, N for J, w^{k,j} for the gate g_t^j, W_g
    for W, S^{k,j} for S_t^j, g^{k,j} for x_t^j, and t^k for the tower h_t. The paper's
    E_(k,1) ... E_(k,m_k) are the outputs in E_t, and E_(s,1) ... E_(s,m_s) the outputs
    in E_s.

    Attributes:
        num_levels: number of levels, J; PLE with 1 level is CGC.
        num_specific_experts: number of experts of each task in each level, m_k in the
            paper; with 0, each level is an MMoE.
        num_shared_experts: number of shared experts in each level, m_s in the paper.
        expert_units: widths of the layers of each expert.

    Reference: Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task
        Learning (MTL) Model for Personalized Recommendations", RecSys 2020,
        equations 6 and 7.
    """

    num_levels: NumParts
    num_specific_experts: NumPartsOrZero
    num_shared_experts: NumParts
    expert_units: SomeUnits

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import extract

        (x,) = encodings.outputs  # one encoding, (batch, dim)
        x_tasks = x_shared = x  # x_t^0, x_s^0
        for level in range(1, self.num_levels + 1):
            # x_t^j, (tasks, batch, units), and x_s^j, (batch, units)
            x_tasks, x_shared = extract(
                tasks=x_tasks,
                shared=x_shared,
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
