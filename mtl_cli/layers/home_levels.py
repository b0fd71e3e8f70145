"""The two levels of HoME: one for groups of tasks, and one for tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.feature_gate import FeatureGate
from mtl_cli.layers.gate_nu import GateNU
from mtl_cli.layers.gates import Mix, mix_groups
from mtl_cli.layers.parallel import ParallelMLP, kernel_options
from mtl_cli.layers.routing import SHARED, Route, experts_of


@dataclass(frozen=True)
class HomeLevels:
    """The two levels of HoME, and the sizes of their experts and gates.

    `models/home.py` has the equations. An expert belongs to an owner: a task, a group
    of tasks, or all groups (`shared`). The mixture of an owner is the sum of experts,
    weighted by the gate of the owner.

    Attributes:
        groups: {group: the indices of its tasks, from 0}.
        num_experts: the numbers of experts: `specific`, of each task; `group`, of each
            group; and `shared`, of all groups together.
        expert_units: widths of the layers of each expert.
        ranks: ranks of the feature gates; empty for no feature gates.
        gate_units: hidden widths of the gates.
        gate_layer: called with the number of gates, the number of experts, and the
            keywords `routes` and `name`; returns a layer of gates.
        self_gates: whether a self-gate adds an owner's own experts to its mixture.
        dense_options: arguments of all hidden layers, see `ParallelMLP`.

    Reference: Wang et al., "HoME: Hierarchy of Multi-Gate Experts for Multi-Task
        Learning at Kuaishou", KDD 2025.
    """

    groups: dict[str, list[int]]
    num_experts: dict[str, int]
    expert_units: Sequence[int]
    ranks: Sequence[int]
    gate_units: Sequence[int]
    gate_layer: Callable[..., Any]
    self_gates: bool
    dense_options: dict[str, Any]

    def group_level(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Connects the first level.

        Args:
            x: the encoding, `(batch, dim)`.

        Returns: the vectors v_k of the groups, `(groups, batch, units)`, and the shared
            vector v_s, `(batch, units)`.
        """
        groups, num_group_experts = list(self.groups), self.num_experts["group"]
        group_experts = {k: experts_of(k, num_group_experts) for k in groups}
        shared_experts = experts_of(SHARED, self.num_experts["shared"])
        group_outputs = self._connect_experts(x, "group", groups, "level_1")
        shared_outputs = self._connect_experts(x, "shared", [SHARED], "level_1")[0]
        weights = self.gate_layer(
            len(groups),
            num_group_experts + len(shared_experts),
            routes=[Route(k, group_experts[k] + shared_experts) for k in groups],
            name="level_1_group_gates",
        )(x)  # G_k(x), (groups, batch, experts)
        mixtures = mix_groups(weights, [group_outputs, shared_outputs])
        all_experts = [*chain(*group_experts.values()), *shared_experts]
        shared_weights = self.gate_layer(
            1,
            len(all_experts),
            routes=[Route(None, all_experts)],
            name="level_1_shared_gate",
        )(x)  # G_s(x), (1, batch, experts)
        # The experts of all groups on one axis, (experts, batch, units)
        flat_shape = (len(groups) * num_group_experts, -1, group_outputs.shape[-1])
        flat_outputs = ops.reshape(group_outputs, flat_shape)
        v_s = mix_groups(shared_weights, [flat_outputs, shared_outputs])[0]
        routes = [Route(k, group_experts[k]) for k in groups]
        name = "level_1_self_gates"
        return self._add_self_gated(mixtures, x, group_outputs, routes, name), v_s

    def task_level(self, v_groups: Tensor, v_s: Tensor) -> Tensor:
        """Connects the second level.

        Args:
            v_groups: the vectors v_k of the groups, `(groups, batch, units)`.
            v_s: the shared vector, `(batch, units)`.

        Returns: the hidden vectors z_t of the tasks, `(tasks, batch, units)`.
        """
        groups = list(self.groups)
        # {index of a task: the position of the task's group}
        group_of = {t: k for k, name in enumerate(groups) for t in self.groups[name]}
        tasks = sorted(group_of)
        # [v_k; v_s] of each group, (groups, batch, 2 * units)
        inputs = ops.concatenate([v_groups, ops.stack([v_s] * len(groups))], axis=-1)
        u = ops.stack([inputs[group_of[t]] for t in tasks])  # u_t, for each task
        specific_outputs = self._connect_experts(u, "specific", tasks, "level_2")
        group_outputs = self._connect_experts(inputs, "group", groups, "level_2")
        group_outputs_by_task = ops.stack([group_outputs[group_of[t]] for t in tasks])
        shared_outputs = self._connect_experts(v_s, "shared", [SHARED], "level_2")[0]
        routes, own_routes = [], []
        for t in tasks:
            own_experts = experts_of(t, self.num_experts["specific"])
            other_experts = experts_of(groups[group_of[t]], self.num_experts["group"])
            other_experts += experts_of(SHARED, self.num_experts["shared"])
            own_routes.append(Route(t, own_experts))
            routes.append(Route(t, own_experts + other_experts))
        num_experts = sum(self.num_experts.values())
        weights = self.gate_layer(
            len(tasks), num_experts, routes=routes, name="level_2_gates"
        )(u)  # G_t(u_t), (tasks, batch, experts)
        mixtures = mix_groups(
            weights, [specific_outputs, group_outputs_by_task, shared_outputs]
        )
        name = "level_2_self_gates"
        return self._add_self_gated(mixtures, u, specific_outputs, own_routes, name)

    def _connect_experts(
        self, v: Tensor, kind: str, owners: Sequence[int | str], level: str
    ) -> Tensor:
        """Connects the experts of some owners, with their feature gates.

        Args:
            v: the input of the experts, `(batch, dim)`, or `(owners, batch, dim)`.
            kind: `specific`, `group` or `shared`.
            owners: the owners: tasks, groups or `shared`.
            level: the level, for the layers' names.

        Returns: the experts' outputs, `(owners, experts of each owner, batch, units)`.
        """
        num, units = self.num_experts[kind], tuple(self.expert_units)
        if self.ranks:
            gate = FeatureGate(
                len(owners),
                v.shape[-1],
                self.ranks,
                owners=owners,
                name=f"{level}_feature_{kind}_gates",
                **kernel_options(self.dense_options),
            )
            v = gate(v) * v  # F(v) * v
        # The last layer of an expert always has batch normalisation and swish (`silu`).
        num_hidden, options = len(units) - 1, dict(self.dense_options)
        options["activation"] = [*[options["activation"]] * num_hidden, "silu"]
        options["batch_norm"] = [*[options["batch_norm"]] * num_hidden, True]
        name = f"{level}_{kind}_experts"
        outputs = ParallelMLP(len(owners) * num, units, name=name, **options)(v)
        return ops.reshape(outputs, (len(owners), num, -1, units[-1]))

    def _add_self_gated(
        self,
        mixtures: Tensor,
        v: Tensor,
        own_outputs: Tensor,
        routes: Sequence[Route],
        name: str,
    ) -> Tensor:
        """Adds the owners' own experts to their mixtures, weighted by self-gates.

        Args:
            mixtures: the mixture of each owner, `(owners, batch, units)`.
            v: the input of the self-gates, `(batch, dim)`, or `(owners, batch, dim)`.
            own_outputs: the outputs of the experts of each owner, `(owners, experts,
                batch, units)`.
            routes: the owners and their experts.
            name: the name of the layer of self-gates.

        Returns: `(owners, batch, units)`; `mixtures` itself if there are no self-gates.
        """
        if not self.self_gates:
            return mixtures
        num, num_experts = own_outputs.shape[:2]
        if num_experts > 1:
            gates = self.gate_layer(num, num_experts, routes=routes, name=name)
        else:  # a softmax over one expert would always be 1, so take a sigmoid
            gates = GateNU(
                num,
                1,
                self.gate_units,
                num_hidden=num,
                gamma=1.0,
                weighs_experts=True,
                routes=routes,
                name=name,
                **self.dense_options,
            )
        return mixtures + Mix()(gates(v), own_outputs)  # `gates(v)` is S(v)
