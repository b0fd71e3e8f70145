"""Connects the towers of several tasks, and computes towers of equal widths at once."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import ParallelDense, ParallelMLP, kernel_options


def connect_towers(
    hidden: Tensor,
    widths_by_task: Sequence[Sequence[int]],
    num_members: int = 1,
    suffix: str = "",
    **dense_options: Any,
) -> list[Tensor]:
    """Connects a tower to each task's hidden vector.

    The tower of task t computes `logits_t = W_t mlp_t(z_t) + b_t`. Towers of equal
    widths are computed side by side. If a run has several members (see `members.py`),
    all members share mlp_t, but each member has a W_t and a b_t of its own.

    Args:
        hidden: the hidden vectors z_t of the T tasks, `(T, batch, dim)`; or `(batch,
            dim)` if all towers read the same vector.
        widths_by_task: the widths of the layers of each task's tower. The last width is
            the number of logits: 1, or the number of classes.
        num_members: number of members. The batch then holds the rows of the first
            member, then the rows of the second member, and so on.
        suffix: a word in the layers' names, if a task has several towers.
        **dense_options: arguments of the hidden layers, see `ParallelMLP`.

    Returns: the logits of each task, `(batch, number of logits)`, in float32.

    Example:
        >>> import keras
        >>> z = keras.Input((7,))
        >>> [y.shape for y in connect_towers(z, [(8, 1), (8, 1), (5,)])]
        [(None, 1), (None, 1), (None, 5)]
    """

    def connect_equal_towers(widths: Sequence[int], tasks: Sequence[int]) -> Tensor:
        *units, num_logits = widths
        mlp_name = layer_name(tasks, suffix)
        mlp = ParallelMLP(len(tasks), units, name=mlp_name, **dense_options)
        return connect_last_layers(
            mlp(select_tasks(hidden, tasks)),
            num_towers=len(tasks),
            num_logits=num_logits,
            name=layer_name(tasks, suffix, "logits"),
            num_members=num_members,
            **dense_options,
        )

    return connect_by_widths(widths_by_task, connect_equal_towers)


def connect_logits(
    hidden: Tensor,
    num_logits_by_task: Sequence[int],
    num_members: int,
    **dense_options: Any,
) -> list[Tensor]:
    """Connects a tower without hidden layers, `W_t z_t + b_t`, to each z_t."""

    def connect_equal_towers(widths: Sequence[int], tasks: Sequence[int]) -> Tensor:
        (num_logits,) = widths
        return connect_last_layers(
            select_tasks(hidden, tasks),
            num_towers=len(tasks),
            num_logits=num_logits,
            name=layer_name(tasks, "logits"),
            num_members=num_members,
            **dense_options,
        )

    return connect_by_widths([(n,) for n in num_logits_by_task], connect_equal_towers)


def connect_last_layers(
    x: Tensor,
    *,
    num_towers: int,
    num_logits: int,
    name: str,
    num_members: int,
    num_scenarios: int = 1,
    **dense_options: Any,
) -> Tensor:
    """Connects the last layers of several towers, one for each tower and member.

    x is as `ParallelDense` reads it. `num_scenarios` is above 1 if each task has one
    tower for each scenario.

    Returns: the logits, `(num_towers, batch, num_logits)`.
    """
    # Logits are float32 even if the hidden layers compute in bfloat16: the 8
    # significant bits of bfloat16 are too few for probabilities near 0 and 1.
    layers = ParallelDense(
        num_towers * num_members,
        num_logits,
        num_scenarios=num_scenarios,
        name=name,
        dtype="float32",
        **kernel_options(dense_options),
    )
    if num_members == 1:
        return layers(x)
    # (num_towers * num_members, batch / num_members, num_logits)
    y = layers(inputs_of_members(x, num_towers, num_members))
    return ops.reshape(y, (num_towers, -1, num_logits))


def inputs_of_members(x: Tensor, num_towers: int, num_members: int) -> Tensor:
    """Splits the input x of several towers into one input for each tower and member.

    Returns: `(num_towers * num_members, batch / num_members, dim)`. The inputs of all
        members for the first tower come first.
    """
    x = ops.expand_dims(x, 0) if len(x.shape) == 2 else x
    num_groups = x.shape[0]
    x = ops.repeat(x, num_towers // num_groups, axis=0)  # (num_towers, batch, dim)
    return ops.reshape(x, (num_towers * num_members, -1, x.shape[-1]))


def connect_by_widths(
    widths_by_task: Sequence[Sequence[int]],
    connect_equal_towers: Callable[[Sequence[int], Sequence[int]], Tensor],
) -> list[Tensor]:
    """Connects towers, and computes the towers of equal widths side by side.

    `connect_equal_towers` connects one group of towers. Its arguments are the widths
    and the indices of the tasks. It returns the outputs of these tasks, `(tasks, batch,
    units)`, or `(batch, units)` if the tasks have the same output.

    Returns: the output of each task, `(batch, units)`, in the order of the tasks.
    """
    tasks_by_widths: dict[tuple[int, ...], list[int]] = {}
    for t, widths in enumerate(widths_by_task):
        tasks_by_widths.setdefault(tuple(widths), []).append(t)
    output_by_task: dict[int, Tensor] = {}
    for widths, tasks in tasks_by_widths.items():
        y = connect_equal_towers(widths, tasks)
        for i, t in enumerate(tasks):
            output_by_task[t] = y if len(y.shape) == 2 else y[i]
    return [output_by_task[t] for t in range(len(widths_by_task))]


def select_tasks(hidden: Tensor, tasks: Sequence[int]) -> Tensor:
    """Selects the vectors of some tasks, `(tasks, batch, dim)`, in ascending order.

    If all tasks share one hidden vector, `(batch, dim)`, the result is this vector.
    """
    if len(hidden.shape) == 2 or len(tasks) == hidden.shape[0]:
        return hidden
    return ops.stack([hidden[t] for t in tasks])


def layer_name(tasks: Iterable[int], *suffixes: str) -> str:
    """Names a layer of some tasks' towers, as in `towers_0_2_logits`."""
    return "_".join(["towers", *map(str, tasks), *filter(None, suffixes)])
