"""A level of STEM: tasks read the experts of all tasks, but train only their own."""

from collections.abc import Callable, Sequence
from itertools import chain
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

    sg stops gradients. [F_1; F_2] is the list of the elements of F_1 and then of F_2.
    `models/stem.py` has the equations of several levels; there, level j has the inputs
    x_t^{j-1} and the outputs x_t^j.

    Args:
        tasks: the tasks' inputs x_t, `(T, batch, dim)`.
        shared: the shared input x_s, `(batch, dim)`.
        num_specific_experts: number of specific experts of each task, at least 1.
        num_shared_experts: number of shared experts.
        expert_units: widths of each expert's layers.
        gate_units: widths of each gate's hidden layers.
        make_gates: called with the arguments of `Gates`; returns a layer of gates.
        is_last: whether no level follows. The last level has no shared gate g_s and no
            shared output.
        name: prefix of the layers' names.
        **dense_options: arguments of all hidden layers, see `ParallelMLP`.

    Returns: the tasks' outputs x'_t, `(T, batch, expert_units[-1])`; and the shared
        output x'_s, `(batch, expert_units[-1])`, or None in the last level.

    Example:
        >>> import keras
        >>> x = keras.Input((7,))
        >>> sizes = {"num_specific_experts": 2, "num_shared_experts": 1}
        >>> sizes |= {"expert_units": (8, 4)}
        >>> task_outputs, shared_output = stem_level(ops.stack([x, x, x]), x, **sizes)
        >>> task_outputs.shape, shared_output
        ((3, None, 4), None)

    Reference: Su et al., "STEM: Unleashing the Power of Embeddings for Multi-task
        Recommendation", AAAI 2024.
    """
    num_tasks, units = tasks.shape[0], tuple(expert_units)
    num_specific = num_tasks * num_specific_experts
    specific_outputs = ParallelMLP(
        num_specific, units, name=f"{name}_specific_experts", **dense_options
    )(tasks)  # F_1 ... F_T, (num_specific, batch, units)
    shared_outputs = ParallelMLP(
        num_shared_experts, units, name=f"{name}_shared_experts", **dense_options
    )(shared)  # F_s, (num_shared_experts, batch, units)

    experts = [
        *chain(*(experts_of(t, num_specific_experts) for t in range(num_tasks))),
        *experts_of(SHARED, num_shared_experts),
    ]
    weights = make_gates(
        num_tasks,
        len(experts),
        gate_units,
        routes=[
            Route(t, [e._replace(trained=e.owner in (t, SHARED)) for e in experts])
            for t in range(num_tasks)
        ],
        name=f"{name}_gates",
        **dense_options,
    )(tasks + shared)  # g_t(x_t + x_s), (T, batch, experts)
    task_outputs = mix_specific(weights, specific_outputs)
    task_outputs += Mix()(weights[..., num_specific:], shared_outputs)
    if is_last:
        return task_outputs, None

    shared_weights = make_gates(
        1,
        len(experts),
        gate_units,
        routes=[Route(None, experts)],
        name=f"{name}_shared_gate",
        **dense_options,
    )(shared)  # g_s(x_s), (1, batch, experts)
    shared_output = mix_groups(shared_weights, [specific_outputs, shared_outputs])[0]
    return task_outputs, shared_output


def mix_specific(weights: Tensor, outputs: Tensor) -> Tensor:
    """Sums the specific experts of all tasks with each task's weights.

    The gradient of a task's sum reaches only the task's own experts.

    Args:
        weights: the weights of all experts for each task, `(T, batch, experts)`. The
            weights of the specific experts come first.
        outputs: the outputs F_1 ... F_T of the specific experts, `(specific experts,
            batch, units)`.

    Returns: `(T, batch, units)`.
    """
    num_tasks, (num_specific, _, units) = weights.shape[0], outputs.shape
    n = num_specific // num_tasks  # number of specific experts of each task
    # Slices select the own experts. With a mask, as below for the other experts, each
    # task would multiply the experts of all tasks a second time.
    own_weights = ops.stack(
        [weights[t, :, t * n : (t + 1) * n] for t in range(num_tasks)]
    )
    own_sum = Mix()(own_weights, ops.reshape(outputs, (num_tasks, n, -1, units)))
    is_own = np.kron(np.eye(num_tasks), np.ones(n))  # (T, num_specific)
    is_other = (1 - is_own)[:, None].astype("float32")
    other_weights = weights[..., :num_specific] * is_other
    return own_sum + Mix()(other_weights, ops.stop_gradient(outputs))
