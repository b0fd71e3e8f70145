"""The extraction level: CGC has one, PLE several."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.gates import Gates, Mix
from mtl_cli.layers.parallel import ParallelMLP
from mtl_cli.layers.routing import SHARED, Route, Routing, experts_of


def extract(
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
    name: str = "extraction",
    **dense_options: Any,
) -> tuple[Tensor, Tensor]:
    """Connects one level of experts and gates.

    The level turns one input per task, x_t, and one shared input, x_s, into one output
    per task, y_t, and one shared output, y_s. The specific experts of task t read x_t
    and have the outputs P_t. The shared experts read x_s and have the outputs S. With
    the gates g_t and g_s:

        y_t = sum_i g_t(x_t)_i [P_t; S]_i
        y_s = sum_i g_s(x_s)_i [P_1; ...; P_T; S]_i

    Args:
        tasks: the tasks' inputs x_t, `(num_tasks, batch, dim)`; or `(batch, dim)` if
            all tasks read the same input.
        shared: the shared input x_s, `(batch, dim)`.
        num_tasks: number of tasks, T.
        num_specific_experts: number of specific experts of each task; may be 0.
        num_shared_experts: number of shared experts.
        expert_units: widths of each expert's layers.
        gate_units: widths of each gate's hidden layers; empty for the paper's linear
            gate.
        make_gates: gives a layer of gates; it is called with the arguments of `Gates`.
        is_last: whether no level follows. The last level has no shared gate g_s.
        name: prefix of the layers' names.
        **dense_options: arguments of all hidden layers, see `ParallelMLP`.

    Input shape: see `tasks` and `shared`.
    Output shape: the tasks' outputs `(num_tasks, batch, expert_units[-1])`; and the
        shared output `(batch, expert_units[-1])`, None after the last level.

    Raises:
        ValueError: if `tasks` does not hold one input for each task.

    Example:
        >>> import keras
        >>> x = keras.Input((7,))
        >>> sizes = {"num_specific_experts": 2, "num_shared_experts": 1}
        >>> sizes |= {"num_tasks": 3, "expert_units": (8, 4)}
        >>> tasks, shared = extract(x, x, **sizes, is_last=False, name="level_1")
        >>> tasks, _ = extract(tasks, shared, **sizes, name="level_2")
        >>> tasks.shape
        (3, None, 4)

    Reference: Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task
        Learning (MTL) Model for Personalized Recommendations", RecSys 2020,
        equations 1 to 7.
    """
    if len(tasks.shape) == 3 and tasks.shape[0] != num_tasks:
        raise ValueError(
            f"tasks holds inputs for {tasks.shape[0]} tasks, num_tasks is {num_tasks}; "
            "make them equal."
        )
    # A gate's weights are in the order of the formulas: specific experts come first.
    per_task, units = num_specific_experts, tuple(expert_units)
    specific_of = [experts_of(t, per_task) for t in range(num_tasks)]
    shared_of = experts_of(SHARED, num_shared_experts)
    shared_experts = ParallelMLP(
        num_shared_experts, units, name=f"{name}_shared_experts", **dense_options
    )(shared)  # (S, B, H)
    gates = make_gates(
        num_tasks,
        per_task + num_shared_experts,
        gate_units,
        routes=[Route(t, specific_of[t] + shared_of) for t in range(num_tasks)],
        name=f"{name}_gates",
        **dense_options,
    )(tasks)  # (T, B, per_task + S)
    mixed = Mix()(gates[..., per_task:], shared_experts)
    if per_task:
        specific_experts = ParallelMLP(
            num_tasks * per_task,
            units,
            name=f"{name}_specific_experts",
            **dense_options,
        )(tasks)  # (T * per_task, B, H)
        by_task = ops.reshape(specific_experts, (num_tasks, per_task, -1, units[-1]))
        mixed += Mix()(gates[..., :per_task], by_task)
    if is_last:
        return mixed, None

    num_specific = num_tasks * per_task
    shared_gate = make_gates(
        1,
        num_specific + num_shared_experts,
        gate_units,
        routes=[Route(None, [*chain(*specific_of), *shared_of])],
        name=f"{name}_shared_gate",
        **dense_options,
    )(shared)  # (1, B, T * per_task + S)
    shared = Mix()(shared_gate[..., num_specific:], shared_experts)
    if per_task:
        shared += Mix()(shared_gate[..., :num_specific], specific_experts)
    return mixed, shared[0]
