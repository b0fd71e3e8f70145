"""The two levels of HoME: streams of groups of tasks, then of tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

    Attributes:
        groups: {group: the numbers of its tasks}.
        num_experts: {`specific`, `group` or `shared`: the experts of each owner}.
        expert_units: widths of each expert.
        ranks: ranks of the feature gates; empty for none.
        gate_units: hidden widths of the gates.
        make_gates: makes a layer of gates from the numbers of gates and of experts.
        self_gates: whether an owner's experts are added to its mixture once more.
        dense_options: arguments of all hidden layers, see `ParallelMLP`.

    Reference: Wang et al., "HoME: Hierarchy of Multi-Gate Experts for Multi-Task
        Learning at Kuaishou", KDD 2025. See `models/home.py` for the equations.
    """

    groups: dict[str, list[int]]
    num_experts: dict[str, int]
    expert_units: Sequence[int]
    ranks: Sequence[int]
    gate_units: Sequence[int]
    make_gates: Callable[..., Any]
    self_gates: bool
    dense_options: dict[str, Any]

    def first(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the streams v_k of the groups, and the shared stream v_s.

        Args:
            x: the encoding, `(batch, dim)`.

        Returns: `(groups, batch, units)` and `(batch, units)`.
        """
        names, per_group = list(self.groups), self.num_experts["group"]
        shared_names = experts_of(SHARED, self.num_experts["shared"])
        names_of = {name: experts_of(name, per_group) for name in names}
        experts = self._experts(x, "group", names, "level_1")  # (K, E, B, H)
        shared = self._experts(x, "shared", [SHARED], "level_1")[0]
        weights = self.make_gates(
            len(names),
            per_group + len(shared_names),
            routes=[Route(name, names_of[name] + shared_names) for name in names],
            name="level_1_group_gates",
        )(x)
        mixed = mix_groups(weights, [experts, shared])
        all_names = [expert for name in names for expert in names_of[name]]
        weights = self.make_gates(
            1,
            len(all_names) + len(shared_names),
            routes=[Route(None, all_names + shared_names)],
            name="level_1_shared_gate",
        )(x)
        all_experts = ops.reshape(experts, (len(all_names), -1, experts.shape[-1]))
        v_s = mix_groups(weights, [all_experts, shared])
        routes = [Route(name, names_of[name]) for name in names]
        return self._with_own(mixed, x, experts, routes, "level_1_self_gates"), v_s[0]

    def second(self, groups: Tensor, shared: Tensor) -> Tensor:
        """Returns the hidden vectors z_t of the tasks, `(T, batch, units)`.

        Args:
            groups: the streams v_k, `(groups, batch, units)`.
            shared: the shared stream v_s, `(batch, units)`.
        """
        names = list(self.groups)
        group_of = {t: k for k, name in enumerate(names) for t in self.groups[name]}
        tasks = sorted(group_of)
        streams = ops.concatenate([groups, ops.stack([shared] * len(names))], axis=-1)
        u = ops.stack([streams[group_of[t]] for t in tasks])  # u_t, (T, B, 2 H)
        specific = self._experts(u, "specific", tasks, "level_2")  # (T, E, B, H)
        group_experts = self._experts(streams, "group", names, "level_2")
        grouped = ops.stack([group_experts[group_of[t]] for t in tasks])
        shared_experts = self._experts(shared, "shared", [SHARED], "level_2")[0]
        num, names_of = self.num_experts, {}
        routes = []
        for t in tasks:
            names_of[t] = experts_of(t, num["specific"])
            group = experts_of(names[group_of[t]], num["group"])
            routes.append(
                Route(t, names_of[t] + group + experts_of(SHARED, num["shared"]))
            )
        weights = self.make_gates(
            len(tasks), sum(num.values()), routes=routes, name="level_2_gates"
        )(u)
        mixed = mix_groups(weights, [specific, grouped, shared_experts])
        routes = [Route(t, names_of[t]) for t in tasks]
        return self._with_own(mixed, u, specific, routes, "level_2_self_gates")

    def _experts(
        self, v: Tensor, kind: str, owners: Sequence[int | str], level: str
    ) -> Tensor:
        """Returns the outputs of the experts of some owners.

        Args:
            v: the input of the experts, `(batch, dim)`, or `(owners, batch, dim)`.
            kind: `specific`, `group` or `shared`.
            owners: the owners: tasks, groups or `shared`.
            level: the level, for the layers' names.

        Returns: `(owners, experts of each owner, batch, units)`.
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
            v = gate(v) * v
        hidden, options = len(units) - 1, dict(self.dense_options)
        options["activation"] = [*[options["activation"]] * hidden, "silu"]
        options["batch_norm"] = [*[options["batch_norm"]] * hidden, True]
        name = f"{level}_{kind}_experts"
        experts = ParallelMLP(len(owners) * num, units, name=name, **options)(v)
        return ops.reshape(experts, (len(owners), num, -1, units[-1]))

    def _with_own(
        self,
        mixed: Tensor,
        v: Tensor,
        own_experts: Tensor,
        routes: Sequence[Route],
        name: str,
    ) -> Tensor:
        """Returns the mixtures of some owners, plus their own experts by self-gates.

        Args:
            mixed: the mixtures, `(owners, batch, units)`.
            v: the input of the self-gates, `(batch, dim)`, or `(owners, batch, dim)`.
            own_experts: the owners' experts, `(owners, experts, batch, units)`.
            routes: the owners and their experts.
            name: the name of the layer.
        """
        if not self.self_gates:
            return mixed
        num, num_experts = own_experts.shape[:2]
        if num_experts > 1:
            gates = self.make_gates(num, num_experts, routes=routes, name=name)
        else:
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
        return mixed + Mix()(gates(v), own_experts)
