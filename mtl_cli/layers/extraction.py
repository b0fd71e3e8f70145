"""The extraction level: experts of each task, shared experts, and gates over them."""

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.gates import Mix
from mtl_cli.layers.parallel import ParallelMLP
from mtl_cli.layers.routing import Routing


def extract(
    x_tasks: Tensor,
    x_shared: Tensor,
    specific_experts: ParallelMLP | None,
    shared_experts: ParallelMLP,
    task_gates: Routing,
    shared_gate: Routing | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Connects one level of experts and gates. CGC has one level, PLE has several.

    The specific experts of task t read x_t, and E_t lists their outputs. The shared
    experts read x_s, and E_s lists their outputs. With the gates g_t and g_s:

        S_t = [E_t; E_s]                         the elements of E_t, then of E_s
        S_s = [E_1; ...; E_T; E_s]
        y_t = sum_i g_t(x_t)_i S_ti
        y_s = sum_i g_s(x_s)_i S_si

    Args:
        x_tasks: the tasks' inputs x_t, `(tasks, batch, dim)`; or `(batch, dim)` if all
            tasks read the same input.
        x_shared: the shared input x_s, `(batch, dim)`.
        specific_experts: the specific experts of all tasks, equally many for each; the
            experts of the first task come first. None for an MMoE.
        shared_experts: the shared experts.
        task_gates: the gates of the tasks, each over the task's specific experts and
            the shared experts.
        shared_gate: the gate of the shared output, over all experts; None in the last
            level, because it has no shared output.

    Returns: the tasks' outputs y_t, `(tasks, batch, units)`; and the shared output y_s,
        `(batch, units)`, or None without a shared gate.

    Example:
        >>> import keras
        >>> from mtl_cli.layers import Gates
        >>> x = keras.Input((7,))
        >>> experts = ParallelMLP(3 * 2, [8, 4]), ParallelMLP(1, [8, 4])
        >>> y_tasks, y_shared = extract(x, x, *experts, Gates(3, 2 + 1), Gates(1, 7))
        >>> y_tasks.shape, y_shared.shape
        ((3, None, 4), (None, 4))

    Reference: Tang et al., RecSys 2020, equations 2 to 7, see `models/cgc.py`.
    """
    num_tasks = len(task_gates.routes)
    e_shared = shared_experts(x_shared)  # E_s, (shared experts, batch, units)
    # g_t, (tasks, batch, experts): the weights of E_t, then of E_s
    g_tasks = task_gates(x_tasks)
    num_shared = e_shared.shape[0]
    num_experts = g_tasks.shape[-1]  # number of experts that a task's gate weighs
    num_specific = 0 if specific_experts is None else specific_experts.num
    num_specific_per_task = num_experts - num_shared
    if num_specific != num_tasks * num_specific_per_task:
        raise ValueError(
            f"task_gates has {num_tasks} gates over {num_experts} experts each, but "
            f"there are {num_specific} specific and {num_shared} shared experts."
        )
    # The shared experts come first in both sums: Keras lists the weights of a network
    # in this order, and so do the files of earlier runs.
    y_tasks = Mix()(g_tasks[..., num_specific_per_task:], e_shared)
    if specific_experts is not None:
        e_tasks = specific_experts(x_tasks)  # E_1 ... E_T, (num_specific, batch, units)
        # E_t of each task, (tasks, num_specific_per_task, batch, units)
        shape = (num_tasks, num_specific_per_task, -1, e_tasks.shape[-1])
        e_by_task = ops.reshape(e_tasks, shape)
        y_tasks += Mix()(g_tasks[..., :num_specific_per_task], e_by_task)
    if shared_gate is None:
        return y_tasks, None

    # g_s, (1, batch, experts): the weights of E_1 ... E_T, then of E_s
    g_shared = shared_gate(x_shared)
    y_shared = Mix()(g_shared[..., num_specific:], e_shared)
    if specific_experts is not None:
        y_shared += Mix()(g_shared[..., :num_specific], e_tasks)
    return y_tasks, y_shared[0]
