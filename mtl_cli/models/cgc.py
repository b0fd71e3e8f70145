"""Customized gate control: each task has experts of its own beside the shared ones."""

from collections.abc import Sequence

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
    `Sharing`. E and S are lists of experts' outputs, and S_t(x)_i is one output. CGC is
    PLE with one level; `layers.extract` computes a level.

    The paper writes k for t, one of K tasks, w^k for the gate g_t, W_g^k for W_t, S^k
    for S_t, d for the length of x, g^k for z_t, and t^k for the tower h_t. The paper's
    E_(k,1) ... E_(k,m_k) are the outputs in E_t, and E_(s,1) ... E_(s,m_s) the outputs
    in E_s.

    Attributes:
        num_specific_experts: number of experts of each task, m_k in the paper; 0 makes
            CGC an MMoE.
        num_shared_experts: number of experts that all tasks read, m_s in the paper.
        expert_units: widths of the layers of each expert.

    Reference: Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task
        Learning (MTL) Model for Personalized Recommendations", RecSys 2020,
        equations 2 to 5.
    """

    num_specific_experts: NumPartsOrZero
    num_shared_experts: NumParts
    expert_units: SomeUnits

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import extract

        (x,) = encodings.outputs  # one encoding, (batch, dim)
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
        return z  # z_t, (tasks, batch, units)
