"""HoME: a hierarchy of experts, for groups of tasks and then for single tasks."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.errors import unknown_name
from mtl_cli.core.options import NumParts, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing


class HoME(GatedSharing):
    """Two levels of experts and gates: one for groups of tasks, then one for tasks.

    The first level computes a vector v_k for each group k of tasks, and a shared vector
    v_s. The second level computes z_t for each task t of a group k:

        v_k = G_k(x) [experts of group k (x); shared experts (x)]
              + S_k(x) [experts of group k (x)]
        v_s = G_s(x) [experts of all groups (x); shared experts (x)]
        u_t = [v_k; v_s]
        z_t = G_t(u_t) [experts of task t (u_t); experts of group k (u_t);
                        shared experts (v_s)]
              + S_t(u_t) [experts of task t (u_t)]
        y_t = h_t(z_t)

    x is the encoding of a row, h_t the tower and y_t the logits of task t; see
    `Sharing`. G(v) [...] is the weighted sum of experts with the weights of the gate G,
    as in MMoE. The self-gates S are such gates too; for a single expert, S is a sigmoid
    instead of a softmax. An expert E reads its input v through a feature gate F:

        E(v) = swish(batch_norm(mlp(v * F(v))))          the last layer of mlp is linear
        F(v) = sum_l softmax(W v)_l 2 sigmoid(A_l B_l v)

    * is the element-wise product, and swish(a) = a sigmoid(a). The experts of one owner
    (a task, a group, or all groups) share a feature gate. The paper calls v_k and v_s
    meta representations, writes FeaGate for F, and LoRA_l(v) = 2 sigmoid(v B_l A_l) for
    a row vector v. `layers/home_levels.py` computes the levels.

    Attributes:
        groups: {group: the tasks of the group}; null puts all tasks into one group.
        num_specific_experts: number of experts of each task, in the second level.
        num_group_experts: number of experts of each group, in each level.
        num_shared_experts: number of experts shared by all groups, in each level.
        expert_units: widths of the layers of each expert.
        gate_units: hidden widths of the gates G and S; empty for linear gates.
        feature_gate_ranks: the rank of each product A_l B_l, the number of rows of B_l;
            empty for no feature gates.
        self_gates: whether there are self-gates S.

    Reference: Wang et al., "HoME: Hierarchy of Multi-Gate Experts for Multi-Task
        Learning at Kuaishou", KDD 2025. The equations follow summaries of the paper,
        not the paper itself.
    """

    groups: dict[str, list[str]] | None
    num_specific_experts: NumParts
    num_group_experts: NumParts
    num_shared_experts: NumParts
    expert_units: SomeUnits
    feature_gate_ranks: Units
    self_gates: bool

    def check(self, tasks: Sequence[str]) -> None:
        grouped = [task for group in (self.groups or {}).values() for task in group]
        for task in grouped:
            if task not in tasks:
                message = unknown_name("task", task, "this run", list(tasks))
                raise ValueError(f"model.groups: {message}")
        for task in tasks if self.groups is not None else []:
            if grouped.count(task) != 1:
                raise ValueError(
                    f"model.groups: task {task} is in {grouped.count(task)} groups; "
                    "put each task into one group"
                )

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers.home_levels import HomeLevels

        groups = self.groups or {"all": list(tasks)}
        levels = HomeLevels(
            groups={k: [*map(tasks.index, group)] for k, group in groups.items()},
            num_experts={
                "specific": self.num_specific_experts,
                "group": self.num_group_experts,
                "shared": self.num_shared_experts,
            },
            expert_units=self.expert_units,
            ranks=self.feature_gate_ranks,
            gate_units=self.gate_units,
            gate_layer=self.gate_layer,
            self_gates=self.self_gates,
            dense_options=self.dense_options,
        )
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        return levels.task_level(*levels.group_level(x))  # z_t, (tasks, batch, units)
