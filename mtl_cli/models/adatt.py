"""Adaptive task-to-task fusion: a task's gate weighs the experts of all tasks."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from pydantic import model_validator

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NonEmptyUnits, NumParts, NumPartsOrZero
from mtl_cli.core.owners import SHARED
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing

if TYPE_CHECKING:
    from mtl_cli.layers import Expert, Route


class AdaTT(GatedSharing):
    """Each level has one fusion unit u for each task t = 1 ... T, and a shared unit s.

    A fusion unit consists of experts, and of a gate over the experts of all units:

        x_u^0 = x
        E_u^j = [f_u1^j(x_u^{j-1}); f_u2^j(x_u^{j-1}); ...]   the experts f of unit u
        E^j   = [E_1^j; ...; E_T^j; E_s^j]
        g_u^j = softmax(W_u^j x_u^{j-1})             a weight for each expert in E^j
        x_u^j = sum_i g_ui^j E_i^j + sum_i v_ui^j E_ui^j   for each level j = 1 ... J
        z_t   = x_t^J
        y_t   = h_t(z_t)

    `Sharing` explains x, h_t and y_t. E_u^j is the list of the outputs of unit u's
    experts, and E_ui^j one output in this list. The native weights v_ui^j are trained,
    and are the same for all rows. If no unit has more than one expert, there are no
    native weights: v_ui^j is 1.

    The last level has no output x_s^J. Without shared experts, there is no unit s; the
    paper calls this model AdaTT-sp, and writes l and L for j and J, f_t^l(x) for x_t^j,
    e_ti^l for f_ti^j, m_t for `num_specific_experts` and G_t^l for g_t^j.

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
    expert_units: NonEmptyUnits

    @model_validator(mode="after")
    def _check_experts(self) -> "AdaTT":
        if self.num_specific_experts + self.num_shared_experts == 0:
            raise ValueError("num_specific_experts: there are no experts; set it to 1")
        return self

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        x_tasks = x_shared = x  # x_t^0, x_s^0
        for level in range(1, self.num_levels + 1):
            # x_t^j, (tasks, batch, units), and x_s^j, (batch, units)
            x_tasks, x_shared = self._connect_level(
                x_tasks, x_shared, len(tasks), level
            )
        return x_tasks  # z_t, (tasks, batch, units)

    def _connect_level(
        self, x_tasks: Tensor, x_shared: Tensor, num_tasks: int, level: int
    ) -> tuple[Tensor, Tensor | None]:
        """Connects level j to x_t^{j-1} and x_s^{j-1}; returns x_t^j and x_s^j."""
        from mtl_cli.layers import Route
        from mtl_cli.layers.gates import mix_tensors
        from mtl_cli.layers.routing import specific_and_shared_experts

        n, m = self.num_specific_experts, self.num_shared_experts
        name, units = f"level_{level}", self.expert_units
        # The names of the experts, for reports: a list per task, and the shared ones
        specific_names, shared_names = specific_and_shared_experts(num_tasks, n, m)
        all_names = [*chain(*specific_names), *shared_names]
        outputs = []  # E^j: E_1 ... E_T if n > 0, then E_s if m > 0
        if n > 0:
            f = self.networks(num_tasks * n, units, f"{name}_specific_experts")
            outputs.append(f(x_tasks))  # (experts of all tasks, batch, units)
        if m > 0:
            f = self.networks(m, units, f"{name}_shared_experts")
            outputs.append(f(x_shared))  # (shared experts, batch, units)

        routes = [self._route(t, all_names) for t in range(num_tasks)]
        g_tasks = self.gates(routes, f"{name}_gates")(x_tasks)
        y_tasks = mix_tensors(g_tasks, outputs)  # the sum over E^j
        if n > 0:
            routes = [Route(t, own_names) for t, own_names in enumerate(specific_names)]
            y_tasks += self._native_sum(outputs[0], routes, f"{name}_native_weights")
        if level == self.num_levels or m == 0:
            return y_tasks, None  # there is no x_s^j

        routes = [self._route(SHARED, all_names)]
        g_shared = self.gates(routes, f"{name}_shared_gate")(x_shared)
        y_shared = mix_tensors(g_shared, outputs)
        y_shared += self._native_sum(
            outputs[-1], [Route(SHARED, shared_names)], f"{name}_shared_native_weights"
        )
        return y_tasks, y_shared[0]

    @property
    def _has_native_weights(self) -> bool:
        """Whether a fusion unit has several experts of its own to weigh."""
        return max(self.num_specific_experts, self.num_shared_experts) > 1

    def _route(self, owner: int | str, experts: Sequence["Expert"]) -> "Route":
        """Returns the route of a fusion unit's gate over the experts of all units."""
        from mtl_cli.layers import Route

        # Without native weights, a fusion unit adds its own expert with the weight 1.
        adds_own = not self._has_native_weights
        return Route(
            owner,
            [e._replace(always_added=adds_own and e.owner == owner) for e in experts],
        )

    def _native_sum(
        self, outputs: Tensor, routes: Sequence["Route"], name: str
    ) -> Tensor:
        """Computes sum_i v_ui E_ui, `(fusion units, batch, units)`.

        The outputs E_ui of one fusion unit after another are `(experts, batch, units)`.
        """
        from keras import ops

        from mtl_cli.layers import Mix, StaticWeights
        from mtl_cli.layers.dselect_k import uniform

        if not self._has_native_weights:
            return outputs
        n = len(routes[0].experts)
        v = StaticWeights(
            routes, initializer=uniform(n**-0.5), label="native", name=name
        )
        # (fusion units, n, batch, units)
        by_fusion_unit = ops.reshape(outputs, (len(routes), n, -1, outputs.shape[-1]))
        return Mix()(v(outputs), by_fusion_unit)
