"""HoME: a hierarchy of experts, for groups of tasks and then for single tasks."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Literal

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NonEmptyUnits, NumParts, Units
from mtl_cli.core.owners import SHARED
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing

if TYPE_CHECKING:
    from mtl_cli.layers import Route


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

    `Sharing` explains x, h_t and y_t. G(v) [...] is the weighted sum of the listed
    experts, with the weights of the gate G, as in MMoE. The self-gates S are such gates
    too, over the experts of one task or group; for a single expert, S is a sigmoid
    instead of a softmax. An expert E reads its input v through a feature gate F:

        E(v) = swish(batch_norm(mlp(v * F(v))))          the last layer of mlp is linear
        F(v) = sum_l softmax(W v)_l 2 sigmoid(A_l B_l v)

    * is the element-wise product, and swish(a) = a sigmoid(a). The experts of one owner
    (a task, a group, or all groups together) share a feature gate.

    In the paper, v_k and v_s are the meta representations, F is FeaGate, and LoRA_l(v)
    is 2 sigmoid(A_l B_l v). The paper writes v as a row, so its matrices are transposed
    and in the other order.

    Attributes:
        groups: {group: the tasks of the group}; null puts all tasks into one group.
        num_specific_experts: number of experts of each task, in the second level.
        num_group_experts: number of experts of each group, in each level.
        num_shared_experts: number of experts shared by all groups, in each level.
        expert_units: widths of the layers of each expert.
        gate_units: hidden widths of the gates G and S; empty for linear gates.
        feature_gate_ranks: the number of rows of each B_l; empty for no feature gates.
        self_gates: whether there are self-gates S.

    Reference: Wang et al., "HoME: Hierarchy of Multi-Gate Experts for Multi-Task
        Learning at Kuaishou", KDD 2025. The equations follow summaries of the paper,
        not the paper itself.
    """

    groups: dict[str, list[str]] | None
    num_specific_experts: NumParts
    num_group_experts: NumParts
    num_shared_experts: NumParts
    expert_units: NonEmptyUnits
    feature_gate_ranks: Units
    self_gates: bool

    def check(self, tasks: Sequence[str]) -> None:
        if self.groups is None:
            return
        is_empty_or_shared = SHARED in self.groups or not all(self.groups.values())
        if is_empty_or_shared or sorted(chain(*self.groups.values())) != sorted(tasks):
            raise ValueError(
                f"model.groups: the groups {self.groups} do not hold each of the tasks "
                f"{', '.join(tasks)} once; list each task in one group, and leave out "
                f"empty groups and the name {SHARED}"
            )

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        tasks_by_group = self.groups or {"all": list(tasks)}
        # Reports name experts by their owners. A group with the name of a task gets the
        # prefix `group`, so that the two differ.
        groups = [f"group {name}" if name in tasks else name for name in tasks_by_group]
        group_by_task = {
            task: k
            for k, tasks_of_group in enumerate(tasks_by_group.values())
            for task in tasks_of_group
        }
        v_groups, v_s = self._connect_first_level(x, groups)
        return self._connect_second_level(
            v_groups, v_s, groups, [group_by_task[task] for task in tasks]
        )

    def _connect_first_level(
        self, x: Tensor, groups: Sequence[str]
    ) -> tuple[Tensor, Tensor]:
        """Returns v_k of the groups, `(groups, batch, units)`, and v_s."""
        from keras import ops

        from mtl_cli.layers import Route, experts_of
        from mtl_cli.layers.gates import mix_tensors

        n = self.num_group_experts
        names_by_group = {group: experts_of(group, n) for group in groups}
        shared_names = experts_of(SHARED, self.num_shared_experts)
        # (groups, n, batch, units)
        e_groups = self._connect_experts("group", groups, x, "level_1")
        # (experts, batch, units)
        e_shared = self._connect_experts("shared", [SHARED], x, "level_1")[0]
        routes = [
            Route(group, names + shared_names)
            for group, names in names_by_group.items()
        ]
        gates = self.gates(routes, "level_1_group_gates")  # G_k
        v_groups = mix_tensors(gates(x), [e_groups, e_shared])
        all_names = [*chain(*names_by_group.values()), *shared_names]
        gate = self.gates([Route(None, all_names)], "level_1_shared_gate")  # G_s
        # The experts of all groups on one axis, (groups * n, batch, units)
        shape = (len(groups) * n, -1, self.expert_units[-1])
        e_all_groups = ops.reshape(e_groups, shape)
        v_s = mix_tensors(gate(x), [e_all_groups, e_shared])[0]
        if self.self_gates:
            routes = [Route(group, names) for group, names in names_by_group.items()]
            v_groups += self._sum_by_self_gates(
                x, e_groups, routes, "level_1_self_gates"
            )
        return v_groups, v_s

    def _connect_second_level(
        self,
        v_groups: Tensor,
        v_s: Tensor,
        groups: Sequence[str],
        group_of_task: Sequence[int],
    ) -> Tensor:
        """Returns z_t, `(tasks, batch, units)`, from v_k and v_s of the first level.

        `group_of_task` holds the index of each task's group in `groups`.
        """
        from keras import ops

        from mtl_cli.layers import Route, experts_of
        from mtl_cli.layers.gates import mix_tensors

        tasks = range(len(group_of_task))
        # [v_k; v_s] of each group, (groups, batch, 2 * units)
        u_groups = ops.concatenate([v_groups, ops.stack([v_s] * len(groups))], axis=-1)
        # u_t of each task, (tasks, batch, 2 * units)
        u = ops.stack([u_groups[k] for k in group_of_task])
        e_tasks = self._connect_experts("specific", tasks, u, "level_2")
        e_groups = self._connect_experts("group", groups, u_groups, "level_2")
        # The experts of each task's group, (tasks, experts, batch, units)
        e_group_by_task = ops.stack([e_groups[k] for k in group_of_task])
        e_shared = self._connect_experts("shared", [SHARED], v_s, "level_2")[0]
        shared_names = experts_of(SHARED, self.num_shared_experts)
        routes = []
        for task, k in enumerate(group_of_task):
            own_names = experts_of(task, self.num_specific_experts)
            group_names = experts_of(groups[k], self.num_group_experts)
            routes.append(Route(task, [*own_names, *group_names, *shared_names]))
        gates = self.gates(routes, "level_2_gates")  # G_t
        z = mix_tensors(gates(u), [e_tasks, e_group_by_task, e_shared])
        if self.self_gates:
            routes = [Route(t, experts_of(t, self.num_specific_experts)) for t in tasks]
            z += self._sum_by_self_gates(u, e_tasks, routes, "level_2_self_gates")
        return z

    def _sum_by_self_gates(
        self, v: Tensor, experts: Tensor, routes: Sequence["Route"], name: str
    ) -> Tensor:
        """Returns S(v) [experts] of each owner, `(owners, batch, units)`.

        v is `(batch, dim)`, or `(owners, batch, dim)`, and the outputs of the experts
        are `(owners, experts, batch, units)`. `routes` holds their names.
        """
        from mtl_cli.layers import GateNU, Mix

        num_owners, num_experts = experts.shape[:2]
        if num_experts > 1:
            gates = self.gates(routes, name)
        else:  # a softmax over one expert would always be 1, so take a sigmoid
            gates = GateNU(
                num=num_owners,
                units=1,
                hidden_units=self.gate_units,
                num_hidden=num_owners,
                gamma=1.0,
                weighs_experts=True,
                only_scales=False,
                routes=routes,
                name=name,
                **self.dense_options,
            )
        return Mix()(gates(v), experts)

    def _connect_experts(
        self,
        kind: Literal["specific", "group", "shared"],
        owners: Sequence[int | str],
        v: Tensor,
        level: str,
    ) -> Tensor:
        """Connects the experts E(v) of some owners, and one feature gate F per owner.

        v is `(batch, dim)`; or `(owners, batch, dim)` if each owner has an input of its
        own. The outputs are `(owners, experts of an owner, batch, units)`.
        """
        from keras import ops

        from mtl_cli.layers import FeatureGate

        num_experts = getattr(self, f"num_{kind}_experts")
        if self.feature_gate_ranks:
            feature_gates = FeatureGate(
                num=len(owners),
                units=v.shape[-1],
                ranks=self.feature_gate_ranks,
                l2=self.l2,
                initializer=self.initializer,
                owners=owners,
                name=f"{level}_feature_{kind}_gates",
            )
            v = feature_gates(v) * v  # v * F(v), the input of mlp
        # Reports and `start_from` need the owner of each expert. The layer's name tells
        # tasks and `shared`, but not the groups.
        owners_of_experts = None
        if kind == "group":
            owners_of_experts = [group for group in owners for _ in range(num_experts)]
        # The last layer of an expert always has batch normalisation and swish (`silu`).
        num_hidden = len(self.expert_units) - 1
        experts = self.networks(
            len(owners) * num_experts,
            self.expert_units,
            f"{level}_{kind}_experts",
            activation=[*[self.activation] * num_hidden, "silu"],
            batch_norm=[*[self.batch_norm] * num_hidden, True],
            owners=owners_of_experts,
        )
        shape = (len(owners), num_experts, -1, self.expert_units[-1])
        return ops.reshape(experts(v), shape)
