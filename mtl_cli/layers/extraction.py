"""The extraction level: experts of each task, shared experts, and gates over them."""

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
    """Connects one level of experts and gates. CGC has one level, PLE has several.

    The level turns one input per task, x_t, and one shared input, x_s, into one output
    per task, x'_t, and one shared output, x'_s. Task t's specific experts read x_t, and
    E_t is the list of their outputs. The shared experts read x_s, and E_s is the list
    of their outputs. With the gates g_t and g_s:

        S_t  = [E_t; E_s]                                   the list E_t, then E_s
        S_s  = [E_1; ...; E_T; E_s]
        x'_t = sum_i g_t(x_t)_i S_ti
        x'_s = sum_i g_s(x_s)_i S_si

    `models/ple.py` has the equations of several levels; there, level j has the inputs
    x_t^{j-1} and the outputs x_t^j. For the task k = t, the paper writes g^{k,j-1} for
    x_t, w^{k,j} for the gate g_t, S^{k,j} for S_t, and g^{k,j} for x'_t.

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
        make_gates: called with the arguments of `Gates`; returns a layer of gates.
        is_last: whether no level follows. The last level has no shared gate g_s and no
            shared output.
        name: prefix of the layers' names.
        **dense_options: arguments of all hidden layers, see `ParallelMLP`.

    Returns: the tasks' outputs x'_t, `(num_tasks, batch, expert_units[-1])`; and the
        shared output x'_s, `(batch, expert_units[-1])`, or None in the last level.

    Raises:
        ValueError: if `tasks` does not hold one input for each task.

    Example:
        >>> import keras
        >>> x = keras.Input((7,))
        >>> sizes = {"num_specific_experts": 2, "num_shared_experts": 1}
        >>> sizes |= {"num_tasks": 3, "expert_units": (8, 4)}
        >>> x_tasks, x_shared = extract(x, x, **sizes, is_last=False, name="level_1")
        >>> x_tasks, _ = extract(x_tasks, x_shared, **sizes, name="level_2")
        >>> x_tasks.shape
        (3, None, 4)

    Reference: Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task
        Learning (MTL) Model for Personalized Recommendations", RecSys 2020,
        equations 2 to 7.
    """
    if len(tasks.shape) == 3 and tasks.shape[0] != num_tasks:
        raise ValueError(
            f"tasks holds inputs for {tasks.shape[0]} tasks, num_tasks is {num_tasks}; "
            "make them equal."
        )
    num_specific, units = num_tasks * num_specific_experts, tuple(expert_units)
    experts_by_task = [experts_of(t, num_specific_experts) for t in range(num_tasks)]
    shared_experts = experts_of(SHARED, num_shared_experts)
    shared_outputs = ParallelMLP(
        num_shared_experts, units, name=f"{name}_shared_experts", **dense_options
    )(shared)  # E_s, (num_shared_experts, batch, units)
    weights = make_gates(
        num_tasks,
        num_specific_experts + num_shared_experts,
        gate_units,
        routes=[
            Route(t, experts_by_task[t] + shared_experts) for t in range(num_tasks)
        ],
        name=f"{name}_gates",
        **dense_options,
    )(tasks)  # g_t(x_t), (num_tasks, batch, experts): the weights of E_t, then of E_s
    # x'_t: first the sum over E_s, then the sum over E_t
    task_outputs = Mix()(weights[..., num_specific_experts:], shared_outputs)
    if num_specific:
        specific_outputs = ParallelMLP(
            num_specific, units, name=f"{name}_specific_experts", **dense_options
        )(tasks)  # E_1 ... E_T, (num_specific, batch, units)
        by_task = ops.reshape(
            specific_outputs, (num_tasks, num_specific_experts, -1, units[-1])
        )
        task_outputs += Mix()(weights[..., :num_specific_experts], by_task)
    if is_last:
        return task_outputs, None

    shared_weights = make_gates(
        1,
        num_specific + num_shared_experts,
        gate_units,
        routes=[Route(None, [*chain(*experts_by_task), *shared_experts])],
        name=f"{name}_shared_gate",
        **dense_options,
    )(shared)  # g_s(x_s), (1, batch, experts): the weights of E_1 ... E_T, then of E_s
    # x'_s
    shared_output = Mix()(shared_weights[..., num_specific:], shared_outputs)
    if num_specific:
        shared_output += Mix()(shared_weights[..., :num_specific], specific_outputs)
    return task_outputs, shared_output[0]
