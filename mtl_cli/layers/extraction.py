"""One extraction level of CGC and PLE."""

from typing import Any

from keras import ops

from mtl_cli.layers.gates import Gates, Mix
from mtl_cli.layers.parallel import ParallelMLP


def extract(
    model: Any, tasks: Any, shared: Any, num_tasks: int, name: str, last: bool
) -> tuple[Any, Any]:
    """Connects one level: experts read their stream, gates mix what they may see.

    A task's gate sees the task's own experts and the shared ones; the shared gate
    sees all. Weights of a gate run over the specific experts first.

    Args:
        model: a `CGC` or `PLE` configuration.
        tasks: the tasks' streams `(T, batch, dim)`, or `(batch, dim)` for all.
        shared: the shared stream `(batch, dim)`.
        num_tasks: T.
        name: prefix of the layers' names.
        last: whether this is the last level, which needs no shared stream.

    Returns: the tasks' streams `(T, batch, units)` and the shared stream
        `(batch, units)`, or None in its place at the last level.
    """
    own, num_shared = model.num_specific_experts, model.num_shared_experts
    units, gate_units = model.expert_units, model.gate_units
    options = model.dense_options

    shared_experts = ParallelMLP(
        num_shared, units, name=f"{name}_shared_experts", **options
    )(shared)  # (S, B, H)
    gates = Gates(
        num_tasks, own + num_shared, gate_units, name=f"{name}_gates", **options
    )(tasks)  # (T, B, own + S)
    mixed = Mix()(gates[..., own:], shared_experts)
    if own:
        specific_experts = ParallelMLP(
            num_tasks * own, units, name=f"{name}_specific_experts", **options
        )(tasks)  # (T * own, B, H)
        by_task = ops.reshape(specific_experts, (num_tasks, own, -1, units[-1]))
        mixed += Mix()(gates[..., :own], by_task)
    if last:
        return mixed, None

    everything = num_tasks * own + num_shared
    shared_gate = Gates(
        1, everything, gate_units, name=f"{name}_shared_gate", **options
    )(shared)  # (1, B, T * own + S)
    shared = Mix()(shared_gate[..., num_tasks * own :], shared_experts)
    if own:
        shared += Mix()(shared_gate[..., : num_tasks * own], specific_experts)
    return mixed, shared[0]
