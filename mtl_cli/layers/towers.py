"""Connects towers, the networks from each task's hidden vector to its logits."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import ParallelDense, ParallelMLP, kernel_options


def connect_towers(
    hidden: Tensor,
    tower_units: Sequence[Sequence[int]],
    num_logits: Sequence[int],
    suffix: str = "",
    num_members: int = 1,
    **dense_options: Any,
) -> list[Tensor]:
    """Connects a tower to each task's hidden vector.

    The tower of task t computes `logits_t = W_t mlp_t(z_t) + b_t`. Towers with the same
    widths and number of logits are computed side by side. The members of an ensemble
    share mlp_t, but each has a W_t and a b_t of its own.

    Args:
        hidden: the hidden vectors z_t of the T tasks, `(T, batch, dim)`; or `(batch,
            dim)` if all towers read the same vector.
        tower_units: the widths of the hidden layers of each task's tower; empty for a
            tower without hidden layers.
        num_logits: the number of logits of each task: 1, or the number of classes.
        suffix: a word in the layers' names, if the tasks have several towers.
        num_members: number of members of an ensemble. The batch then holds the rows of
            the first member, then the rows of the second member, and so on.
        **dense_options: arguments of the hidden layers, see `ParallelMLP`.

    Input shape: see `hidden`.
    Output shape: one `(batch, num_logits[t])` for each task t, in float32.

    Raises:
        ValueError: if `hidden`, `tower_units` and `num_logits` differ in their number
            of tasks.

    Example:
        >>> import keras
        >>> z = keras.Input((7,))
        >>> [y.shape for y in connect_towers(z, [(8,), (8,), ()], [1, 1, 5])]
        [(None, 1), (None, 1), (None, 5)]
    """
    shapes = [(tuple(u), n) for u, n in zip(tower_units, num_logits, strict=True)]
    if len(hidden.shape) == 3 and hidden.shape[0] != len(shapes):
        raise ValueError(
            f"hidden holds vectors for {hidden.shape[0]} tasks, tower_units for "
            f"{len(shapes)}; make them equal."
        )
    logits: dict[int, Tensor] = {}
    for (units, width), tasks in tasks_by_shape(shapes):
        x = select_tasks(hidden, tasks, len(shapes))
        name = layer_name(tasks, suffix)
        x = ParallelMLP(len(tasks), units, name=name, **dense_options)(x)
        logits |= connect_last_layer(
            x, tasks, width, dense_options, num_members, suffix
        )
    return [logits[t] for t in range(len(shapes))]


def connect_hidden(
    hidden: Tensor, tower_units: Sequence[Sequence[int]], **dense_options: Any
) -> list[Tensor]:
    """Connects only the hidden layers of a tower to each task's hidden vector.

    See `connect_towers` for the arguments.

    Returns: the output of the last hidden layer of each task, `(batch, units)`.
    """
    shapes = [tuple(units) for units in tower_units]
    outputs: dict[int, Tensor] = {}
    for units, tasks in tasks_by_shape(shapes):
        x = select_tasks(hidden, tasks, len(shapes))
        x = ParallelMLP(len(tasks), units, name=layer_name(tasks), **dense_options)(x)
        # Without hidden layers, x may still be one vector for all tasks.
        outputs |= {t: x if len(x.shape) == 2 else x[i] for i, t in enumerate(tasks)}
    return [outputs[t] for t in range(len(shapes))]


def connect_logits(
    hidden: Tensor,
    num_logits: Sequence[int],
    num_members: int,
    **dense_options: Any,
) -> list[Tensor]:
    """Connects only the last layer of a tower, `W_t z_t + b_t`, to each task's vector.

    See `connect_towers` for the arguments and the result.
    """
    logits: dict[int, Tensor] = {}
    for width, tasks in tasks_by_shape(num_logits):
        x = select_tasks(hidden, tasks, len(num_logits))
        logits |= connect_last_layer(x, tasks, width, dense_options, num_members)
    return [logits[t] for t in range(len(num_logits))]


def connect_last_layer(
    x: Tensor,
    tasks: Sequence[int],
    num_logits: int,
    dense_options: dict[str, Any],
    num_members: int,
    suffix: str = "",
) -> dict[int, Tensor]:
    """Connects the last layer of the towers of some tasks.

    Args:
        x: the input of the layers, `(tasks, batch, dim)` or `(batch, dim)`.
        tasks: the indices of the tasks.
        num_logits: number of logits of each task.
        dense_options: arguments of the hidden layers.
        num_members: see `connect_towers`.
        suffix: see `connect_towers`.

    Returns: {index of the task: logits, `(batch, num_logits)`}.
    """
    name = layer_name(tasks, suffix, "logits")
    y = last_layers(x, len(tasks), num_logits, name, num_members, dense_options)
    return {t: y[i] for i, t in enumerate(tasks)}


def last_layers(
    x: Tensor,
    num: int,
    num_logits: int,
    name: str,
    num_members: int,
    dense_options: dict[str, Any],
) -> Tensor:
    """Connects the last layers of `num` towers, one for each tower and member.

    Args:
        x: the input of the layers, `(groups, batch, dim)` or `(batch, dim)`, see
            `ParallelDense`.
        num: number of towers.
        num_logits: number of logits of each tower.
        name: name of the layer that computes all towers side by side.
        num_members: see `connect_towers`.
        dense_options: arguments of the hidden layers.

    Returns: the logits, `(num, batch, num_logits)`.
    """
    # Logits are float32 even if the hidden layers compute in bfloat16: the 8
    # significant bits of bfloat16 are too few for probabilities near 0 and 1.
    layers = ParallelDense(
        num * num_members,
        num_logits,
        name=name,
        dtype="float32",
        **kernel_options(dense_options),
    )
    if num_members == 1:
        return layers(x)
    y = layers(inputs_of_members(x, num, num_members))
    return ops.reshape(y, (num, -1, num_logits))


def inputs_of_members(x: Tensor, num: int, num_members: int) -> Tensor:
    """Splits the input of towers into the inputs of each tower and member.

    Args:
        x: the input of the towers, `(groups, num_members * rows, dim)`, or
            `(num_members * rows, dim)` if all towers read the same vector. `groups`
            divides `num`.
        num: number of towers.
        num_members: number of members.

    Returns: `(num * num_members, rows, dim)`: all members of the first tower first.
    """
    x = ops.expand_dims(x, 0) if len(x.shape) == 2 else x
    x = ops.repeat(x, num // x.shape[0], axis=0)
    return ops.reshape(x, (num * num_members, -1, x.shape[-1]))


def tasks_by_shape(shapes: Sequence[Hashable]) -> list[tuple[Any, list[int]]]:
    """Groups the tasks by the shape of their towers.

    Args:
        shapes: the shape of each task's tower, such as its widths.

    Returns: each different shape, with the indices of the tasks that have it.
    """
    return [
        (shape, [t for t in range(len(shapes)) if shapes[t] == shape])
        for shape in dict.fromkeys(shapes)
    ]


def select_tasks(hidden: Tensor, tasks: Sequence[int], num_tasks: int) -> Tensor:
    """Selects the vectors of some tasks.

    Args:
        hidden: a vector for each task, `(num_tasks, batch, dim)`; or one vector for all
            tasks, `(batch, dim)`. A vector for all tasks is returned unchanged.
        tasks: the indices of the tasks.
        num_tasks: number of all tasks.

    Returns: `(tasks, batch, dim)` or `(batch, dim)`.
    """
    if len(hidden.shape) == 2 or len(tasks) == num_tasks:
        return hidden
    return ops.stack([hidden[t] for t in tasks])


def select_sets(tensors: Sequence[Tensor], num_tasks: int) -> Tensor:
    """Selects the tensors that the towers read, out of one for each set of embeddings.

    Args:
        tensors: a tensor for each set, `(batch, dim)`: either one set for all tasks, or
            one set per task, to which a shared set may be added.
        num_tasks: the number of tasks.

    Returns: `(tasks, batch, dim)`, or `(batch, dim)` if all tasks read one set.
    """
    # The 2 is for a run of one task: its single set has no axis of tasks either.
    is_one_set = len(tensors) < max(num_tasks, 2)
    return tensors[0] if is_one_set else ops.stack(tensors[:num_tasks])


def layer_name(tasks: Iterable[int], *suffixes: str) -> str:
    """Returns the name of a layer of some tasks' towers, such as `towers_0_2_logits`.

    Args:
        tasks: the indices of the tasks.
        *suffixes: words that tell the layers of a tower apart; "" is left out.
    """
    return "_".join(["towers", *map(str, tasks), *filter(None, suffixes)])
