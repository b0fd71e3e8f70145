"""The extraction level that CGC and PLE are made of."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.gates import Gates, Mix
from mtl_cli.layers.parallel import ParallelMLP


def extract(
    tasks: Tensor,
    shared: Tensor,
    *,
    num_tasks: int,
    num_specific_experts: int,
    num_shared_experts: int,
    expert_units: Sequence[int],
    gate_units: Sequence[int] = (),
    is_last: bool = True,
    name: str = "extraction",
    **dense_options: Any,
) -> tuple[Tensor, Tensor]:
    """Connects one level of experts and gates to the streams of tasks.

    `y_t = sum_i g_t(x_t)_i [specific experts of t (x_t); shared experts (x_s)]_i`

    The specific experts of a task read the task's stream, the shared experts read the
    shared stream. The gate of a task weighs the task's specific experts first, then the
    shared experts. The shared gate weighs all specific experts, then the shared ones.

    Args:
        tasks: `(num_tasks, batch, dim)`, the tasks' streams x_t, or `(batch, dim)` for
            one stream that all tasks read.
        shared: `(batch, dim)`, the shared stream x_s.
        num_tasks: number of tasks, T.
        num_specific_experts: experts of each task; 0 for none.
        num_shared_experts: experts that all tasks read.
        expert_units: widths of each expert.
        gate_units: hidden widths of each gate; empty is the papers' linear gate.
        is_last: whether no level follows. The last level has no shared gate.
        name: prefix of the layers' names.
        **dense_options: arguments of all hidden layers, see `ParallelMLP`.

    Returns: the tasks' streams `(num_tasks, batch, expert_units[-1])`; and the shared
        stream `(batch, expert_units[-1])`, None after the last level.

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
    own, units = num_specific_experts, tuple(expert_units)
    shared_experts = ParallelMLP(
        num_shared_experts, units, name=f"{name}_shared_experts", **dense_options
    )(shared)  # (S, B, H)
    gates = Gates(
        num_tasks,
        own + num_shared_experts,
        gate_units,
        name=f"{name}_gates",
        **dense_options,
    )(tasks)  # (T, B, own + S)
    mixed = Mix()(gates[..., own:], shared_experts)
    if own:
        specific_experts = ParallelMLP(
            num_tasks * own, units, name=f"{name}_specific_experts", **dense_options
        )(tasks)  # (T * own, B, H)
        by_task = ops.reshape(specific_experts, (num_tasks, own, -1, units[-1]))
        mixed += Mix()(gates[..., :own], by_task)
    if is_last:
        return mixed, None

    num_specific = num_tasks * own
    shared_gate = Gates(
        1,
        num_specific + num_shared_experts,
        gate_units,
        name=f"{name}_shared_gate",
        **dense_options,
    )(shared)  # (1, B, T * own + S)
    shared = Mix()(shared_gate[..., num_specific:], shared_experts)
    if own:
        shared += Mix()(shared_gate[..., :num_specific], specific_experts)
    return mixed, shared[0]
