"""A level of STEM: tasks read the experts of all tasks, but train only their own."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.gates import Gates, Mix, mix_groups
from mtl_cli.layers.parallel import ParallelMLP
from mtl_cli.layers.routing import SHARED, Route, Routing, experts_of


def stem_level(
    tasks: Tensor,
    shared: Tensor,
    *,
    num_specific_experts: int,
    num_shared_experts: int,
    expert_units: Sequence[int],
    gate_units: Sequence[int] = (),
    make_gates: Callable[..., Routing] = Gates,
    is_last: bool = True,
    name: str = "level",
    **dense_options: Any,
) -> tuple[Tensor, Tensor]:
    """Connects one level of STEM's experts and gates.

    The level turns one input per task, x_t, and one shared input, x_s, into one output
    per task, x'_t, and one shared output, x'_s. Task t's specific experts read x_t, and
    F_t is the list of their outputs. The shared experts read x_s, and F_s is the list
    of their outputs. With the gates g_t and g_s:

        S_t  = [sg(F_1); ...; F_t; ...; sg(F_T); F_s]
        S_s  = [F_1; ...; F_T; F_s]
        x'_t = sum_i g_t(x_t + x_s)_i S_ti
        x'_s = sum_i g_s(x_s)_i S_si

    sg stops the gradient, and [F_1; F_2] is the list F_1, then F_2. In level j of STEM,
    x_t is x_t^{j-1}, and x'_t is x_t^j, see `models/stem.py`.

    Args:
        tasks: the tasks' inputs x_t, `(T, batch, dim)`.
        shared: the shared input x_s, `(batch, dim)`.
        num_specific_experts: number of specific experts of each task, at least 1.
        num_shared_experts: number of shared experts.
        expert_units: widths of each expert's layers.
        gate_units: widths of each gate's hidden layers.
        make_gates: called with the arguments of `Gates`; returns a layer of gates.
        is_last: whether no level follows. The last level has no shared gate g_s.
        name: prefix of the layers' names.
        **dense_options: arguments of all hidden layers, see `ParallelMLP`.

    Input shape: see `tasks` and `shared`.
    Output shape: the tasks' outputs `(T, batch, expert_units[-1])`; and the shared
        output `(batch, expert_units[-1])`, or None in the last level.

    Example:
        >>> import keras
        >>> x = keras.Input((7,))
        >>> sizes = {"num_specific_experts": 2, "num_shared_experts": 1}
        >>> y, above = stem_level(ops.stack([x, x, x]), x, **sizes, expert_units=[8, 4])
        >>> y.shape, above  # no level follows, so there is no shared output
        ((3, None, 4), None)

    Reference: Su et al., "STEM: Unleashing the Power of Embeddings for Multi-task
        Recommendation", AAAI 2024.
    """
    num_tasks, per_task = tasks.shape[0], num_specific_experts
    num_specific, units = num_tasks * per_task, tuple(expert_units)
    specific_outputs = ParallelMLP(
        num_specific, units, name=f"{name}_specific_experts", **dense_options
    )(tasks)  # F_1 ... F_T, (num_specific, batch, units)
    shared_outputs = ParallelMLP(
        num_shared_experts, units, name=f"{name}_shared_experts", **dense_options
    )(shared)  # F_s, (num_shared_experts, batch, units)

    def route(task: int | None) -> Route:
        """Returns the route of a task's gate, or of the shared gate for None."""
        specific_experts = [
            expert
            for t in range(num_tasks)
            for expert in experts_of(t, per_task, trained=task in (t, None))
        ]
        return Route(task, specific_experts + experts_of(SHARED, num_shared_experts))

    num_experts = num_specific + num_shared_experts
    weights = make_gates(
        num_tasks,
        num_experts,
        gate_units,
        routes=[route(t) for t in range(num_tasks)],
        name=f"{name}_gates",
        **dense_options,
    )(tasks + shared)  # g_t(x_t + x_s), (T, batch, num_experts)
    # x'_t sums the task's own experts F_t, the other tasks' sg(F), and then F_s.
    columns = [slice(t * per_task, (t + 1) * per_task) for t in range(num_tasks)]
    own_weights = ops.stack([weights[t, :, own] for t, own in enumerate(columns)])
    by_task = ops.reshape(specific_outputs, (num_tasks, per_task, -1, units[-1]))
    task_outputs = Mix()(own_weights, by_task)
    is_own = np.kron(np.eye(num_tasks), np.ones(per_task))  # (T, num_specific)
    is_other = (1 - is_own)[:, None].astype("float32")
    other_weights = weights[..., :num_specific] * is_other
    task_outputs += Mix()(other_weights, ops.stop_gradient(specific_outputs))
    task_outputs += Mix()(weights[..., num_specific:], shared_outputs)
    if is_last:
        return task_outputs, None

    shared_weights = make_gates(
        1,
        num_experts,
        gate_units,
        routes=[route(None)],
        name=f"{name}_shared_gate",
        **dense_options,
    )(shared)  # g_s(x_s), (1, batch, num_experts)
    shared_output = mix_groups(shared_weights, [specific_outputs, shared_outputs])[0]
    return task_outputs, shared_output
