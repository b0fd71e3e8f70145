"""The level of AdaTT: gates over the experts of all tasks, and native weights."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.dselect_k import uniform
from mtl_cli.layers.gates import Gates, Mix, mix_groups
from mtl_cli.layers.parallel import ParallelMLP
from mtl_cli.layers.routing import SHARED, Route, Routing, experts_of
from mtl_cli.layers.static_weights import StaticWeights


def adatt_level(
    tasks: Tensor,
    shared: Tensor,
    *,
    num_tasks: int,
    num_specific_experts: int,
    num_shared_experts: int,
    expert_units: Sequence[int],
    gate_units: Sequence[int] = (),
    make_gates: Callable[..., Routing] = Gates,
    is_last: bool = True,
    name: str = "level",
    **dense_options: Any,
) -> tuple[Tensor, Tensor]:
    """Connects one level of AdaTT's experts, gates and native weights.

    The level has one unit per task and, with shared experts, a shared unit s. Each unit
    turns its input x_u into its output y_u. The unit's own experts read x_u and give
    E_u; E holds the outputs of the experts of all units. With the gate g_u and the
    native weights v_u:

        y_u = sum_i g_u(x_u)_i E_i + sum_i v_ui E_ui

    The native weights v_u are learnt, and the same for all rows. If each unit has a
    single expert, v_u is fixed at 1: the expert's output is added as it is.

    Args:
        tasks: the tasks' inputs x_t, `(T, batch, dim)`; or `(batch, dim)` if all tasks
            read the same input.
        shared: the shared unit's input x_s, `(batch, dim)`.
        num_tasks: number of tasks, T.
        num_specific_experts: number of specific experts of each task; may be 0.
        num_shared_experts: number of the shared unit's experts; 0 for no shared unit.
        expert_units: widths of each expert's layers.
        gate_units: widths of each gate's hidden layers.
        make_gates: gives a layer of gates; it is called with the arguments of `Gates`.
        is_last: whether no level follows. The shared unit of the last level has experts
            only.
        name: prefix of the layers' names.
        **dense_options: arguments of all hidden layers, see `ParallelMLP`.

    Input shape: see `tasks` and `shared`.
    Output shape: the tasks' outputs `(T, batch, expert_units[-1])`; and the shared
        unit's output `(batch, expert_units[-1])`, None without one.

    Example:
        >>> import keras
        >>> x = keras.Input((7,))
        >>> sizes = {"num_specific_experts": 2, "num_shared_experts": 1}
        >>> y, _ = adatt_level(x, x, num_tasks=3, **sizes, expert_units=(8, 4))
        >>> y.shape
        (3, None, 4)

    Reference: Li et al., "AdaTT: Adaptive Task-to-Task Fusion Network for Multitask
        Learning in Recommendations", KDD 2023.
    """
    per_task, per_shared = num_specific_experts, num_shared_experts
    num_specific, units = num_tasks * per_task, tuple(expert_units)
    specific_of = [experts_of(t, per_task) for t in range(num_tasks)]
    shared_of = experts_of(SHARED, per_shared)
    all_experts = [*chain(*specific_of), *shared_of]
    has_native_weights = per_task != 1 or per_shared > 1

    groups: list[Tensor] = []  # of experts, in the order of a gate's weights
    if per_task:
        specific_experts = ParallelMLP(
            num_specific, units, name=f"{name}_specific_experts", **dense_options
        )(tasks)  # (T * per_task, B, H)
        groups.append(specific_experts)
    if per_shared:
        shared_experts = ParallelMLP(
            per_shared, units, name=f"{name}_shared_experts", **dense_options
        )(shared)  # (S, B, H)
        groups.append(shared_experts)

    def fused(x: Tensor, owners: Sequence[int | str], label: str) -> Tensor:
        """Returns sum_i g_u(x_u)_i E_i for the units of some owners, (U, B, H)."""
        weights = make_gates(
            len(owners),
            len(all_experts),
            gate_units,
            routes=[Route(owner, all_experts) for owner in owners],
            name=f"{name}_{label}",
            **dense_options,
        )(x)  # (U, B, T * per_task + S)
        return mix_groups(weights, groups)

    def native(experts: Tensor, routes: Sequence[Route], label: str) -> Tensor:
        """Returns sum_i v_ui E_ui for some units; experts are (U * each, B, H)."""
        if not has_native_weights:
            return experts
        each = len(routes[0].experts)
        start = uniform(each**-0.5)
        layer = StaticWeights(
            routes, None, 1.0, start, "native", name=f"{name}_{label}"
        )
        shape = (len(routes), each, -1, units[-1])
        return Mix()(layer(experts), ops.reshape(experts, shape))

    task_outputs = fused(tasks, range(num_tasks), "gates")
    if per_task:
        routes = [Route(t, specific_of[t]) for t in range(num_tasks)]
        task_outputs += native(specific_experts, routes, "native_weights")
    if is_last or not per_shared:
        return task_outputs, None
    shared_output = fused(shared, [SHARED], "shared_gate")
    route = Route(SHARED, shared_of)
    shared_output += native(shared_experts, [route], "shared_native_weights")
    return task_outputs, shared_output[0]
