"""A level of AdaTT: gates over the experts of all tasks, and native weights."""

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

    The level has one fusion unit u per task and, with shared experts, a shared fusion
    unit s. Unit u turns its input x_u into its output x'_u. The experts of unit u read
    x_u and have the outputs E_u1, E_u2, ...; E_1, E_2, ... are the outputs of the
    experts of all units. With the gate g_u and the native weights v_u:

        x'_u = sum_i g_u(x_u)_i E_i + sum_j v_uj E_uj

    The native weights are trained, and are the same for all rows. If each unit has a
    single expert, there are no native weights: v_uj is 1.

    For the unit of task t in level l, the paper writes f_t^{l-1} for x_t, f_t^l for
    x'_t, E_t^l for the outputs of the unit's m_t experts, E^l for the outputs of all
    experts, and G_t^l for the weights g_t(x_t). So the equation of task t is f_t^l =
    G_t^l E^l + v_t^l E_t^l.

    Args:
        tasks: the tasks' inputs x_t, `(T, batch, dim)`; or `(batch, dim)` if all tasks
            read the same input.
        shared: the shared unit's input x_s, `(batch, dim)`.
        num_tasks: number of tasks, T.
        num_specific_experts: number of specific experts of each task, the experts of
            the task's unit; may be 0.
        num_shared_experts: number of the shared unit's experts; 0 for no shared unit.
        expert_units: widths of each expert's layers.
        gate_units: widths of each gate's hidden layers.
        make_gates: called with the arguments of `Gates`; returns a layer of gates.
        is_last: whether no level follows. The shared unit of the last level has experts
            but no output.
        name: prefix of the layers' names.
        **dense_options: arguments of all hidden layers, see `ParallelMLP`.

    Returns: the tasks' outputs x'_t, `(T, batch, expert_units[-1])`; and the shared
        unit's output x'_s, `(batch, expert_units[-1])`, or None in the last level and
        without a shared unit.

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
    num_specific, units = num_tasks * num_specific_experts, tuple(expert_units)
    experts_by_task = [experts_of(t, num_specific_experts) for t in range(num_tasks)]
    shared_experts = experts_of(SHARED, num_shared_experts)
    all_experts = [*chain(*experts_by_task), *shared_experts]
    has_native_weights = num_specific_experts != 1 or num_shared_experts > 1

    outputs: list[Tensor] = []  # of all experts, in the order of a gate's weights
    if num_specific:
        specific_outputs = ParallelMLP(
            num_specific, units, name=f"{name}_specific_experts", **dense_options
        )(tasks)  # E_1 ... E_T, (num_specific, batch, units)
        outputs.append(specific_outputs)
    if num_shared_experts:
        shared_outputs = ParallelMLP(
            num_shared_experts, units, name=f"{name}_shared_experts", **dense_options
        )(shared)  # E_s, (num_shared_experts, batch, units)
        outputs.append(shared_outputs)

    def gated_sum(x: Tensor, owners: Sequence[int | str], label: str) -> Tensor:
        """Returns sum_i g_u(x_u)_i E_i for the fusion unit u of each owner.

        Args:
            x: the inputs x_u, `(owners, batch, dim)`; or `(batch, dim)` if all units
                read the same input.
            owners: the owners of the units: tasks, or `shared`.
            label: the end of the layer's name.

        Returns: `(owners, batch, units)`.
        """
        weights = make_gates(
            len(owners),
            len(all_experts),
            gate_units,
            routes=[Route(owner, all_experts) for owner in owners],
            name=f"{name}_{label}",
            **dense_options,
        )(x)  # g_u(x_u), (owners, batch, experts)
        return mix_groups(weights, outputs)

    def native_sum(experts: Tensor, routes: Sequence[Route], label: str) -> Tensor:
        """Returns sum_j v_uj E_uj for some fusion units.

        Args:
            experts: the outputs of the experts of these units, one unit after another.
            routes: the units and their experts. Each unit has the same number.
            label: the end of the layer's name.

        Returns: `(routes, batch, units)`.
        """
        if not has_native_weights:
            return experts
        num_experts = len(routes[0].experts)  # of each unit
        weights = StaticWeights(
            routes,
            initializer=uniform(num_experts**-0.5),
            label="native",
            name=f"{name}_{label}",
        )
        shape = (len(routes), num_experts, -1, units[-1])
        return Mix()(weights(experts), ops.reshape(experts, shape))

    task_outputs = gated_sum(tasks, range(num_tasks), "gates")
    if num_specific:
        routes = [Route(t, experts_by_task[t]) for t in range(num_tasks)]
        task_outputs += native_sum(specific_outputs, routes, "native_weights")
    if is_last or not num_shared_experts:
        return task_outputs, None
    shared_output = gated_sum(shared, [SHARED], "shared_gate")
    routes = [Route(SHARED, shared_experts)]
    shared_output += native_sum(shared_outputs, routes, "shared_native_weights")
    return task_outputs, shared_output[0]
