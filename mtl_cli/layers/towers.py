"""Towers turn each task's hidden vector into the task's logits."""

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
    **dense_options: Any,
) -> list[Tensor]:
    """Connects a tower to each task's hidden vector.

    The tower of task t computes `logits_t = W_t mlp_t(h_t) + b_t`. Towers with the same
    widths and number of logits are computed side by side.

    Args:
        hidden: the tasks' hidden vectors h_t, `(T, batch, dim)`; or `(batch, dim)` if
            all towers read the same vector.
        tower_units: the widths of the hidden layers of each task's tower; empty for a
            tower without hidden layers.
        num_logits: the number of logits of each task: 1, or the number of classes.
        suffix: the last word of the layers' names, for second towers of the tasks.
        **dense_options: arguments of the hidden layers, see `ParallelMLP`.

    Input shape: see `hidden`.
    Output shape: a list of `(batch, num_logits[t])`, float32, one for each task t.

    Raises:
        ValueError: if `hidden`, `tower_units` and `num_logits` differ in their number
            of tasks.

    Example:
        >>> import keras
        >>> h = keras.Input((7,))
        >>> [y.shape for y in connect_towers(h, [(8,), (8,), ()], [1, 1, 5])]
        [(None, 1), (None, 1), (None, 5)]
    """
    shapes = [(tuple(u), n) for u, n in zip(tower_units, num_logits, strict=True)]
    if len(hidden.shape) == 3 and hidden.shape[0] != len(shapes):
        raise ValueError(
            f"hidden holds vectors for {hidden.shape[0]} tasks, tower_units for "
            f"{len(shapes)}; make them equal."
        )
    logits: dict[int, Tensor] = {}
    for (units, width), tasks in alike(shapes):
        x = of_tasks(hidden, tasks, len(shapes))
        name = layer_name(tasks, suffix)
        x = ParallelMLP(len(tasks), units, name=name, **dense_options)(x)
        logits |= logits_of(x, tasks, width, dense_options, suffix)
    return [logits[t] for t in range(len(shapes))]


def connect_hidden(
    hidden: Tensor, tower_units: Sequence[Sequence[int]], **dense_options: Any
) -> list[Tensor]:
    """Connects the hidden layers of a tower to each task's hidden vector.

    See `connect_towers` for the arguments.

    Returns: the output of the last hidden layer of each task, `(batch, units)`.
    """
    shapes = [tuple(units) for units in tower_units]
    outputs: dict[int, Tensor] = {}
    for units, tasks in alike(shapes):
        x = of_tasks(hidden, tasks, len(shapes))
        x = ParallelMLP(len(tasks), units, name=layer_name(tasks), **dense_options)(x)
        outputs |= {t: x if len(x.shape) == 2 else x[i] for i, t in enumerate(tasks)}
    return [outputs[t] for t in range(len(shapes))]


def connect_logits(
    hidden: Tensor, num_logits: Sequence[int], **dense_options: Any
) -> list[Tensor]:
    """Connects the last layer of a tower, `W_t h_t + b_t`, to each task's vector h_t.

    See `connect_towers` for the arguments and the result.
    """
    logits: dict[int, Tensor] = {}
    for width, tasks in alike(num_logits):
        x = of_tasks(hidden, tasks, len(num_logits))
        logits |= logits_of(x, tasks, width, dense_options)
    return [logits[t] for t in range(len(num_logits))]


def logits_of(
    x: Tensor,
    tasks: Sequence[int],
    num_logits: int,
    dense_options: dict[str, Any],
    suffix: str = "",
) -> dict[int, Tensor]:
    """Returns {task: logits} of the last layer of some towers.

    Args:
        x: what the layers read, `(tasks, batch, dim)` or `(batch, dim)`.
        tasks: the numbers of the tasks.
        num_logits: number of logits of each task.
        dense_options: arguments of the hidden layers.
        suffix: see `connect_towers`.
    """
    # Logits are float32 even if the hidden layers compute in bfloat16: the 8
    # significant bits of bfloat16 are too few for probabilities near 0 and 1.
    y = ParallelDense(
        len(tasks),
        num_logits,
        name=layer_name(tasks, suffix, "logits"),
        dtype="float32",
        **kernel_options(dense_options),
    )(x)
    return {t: y[i] for i, t in enumerate(tasks)}


def alike(shapes: Sequence[Hashable]) -> list[tuple[Any, list[int]]]:
    """Returns each shape with the numbers of the tasks that have it."""
    return [
        (shape, [t for t in range(len(shapes)) if shapes[t] == shape])
        for shape in dict.fromkeys(shapes)
    ]


def of_tasks(hidden: Tensor, tasks: Sequence[int], num_tasks: int) -> Tensor:
    """Returns the vectors of some tasks; all tasks may have one vector in common."""
    if len(hidden.shape) == 2 or len(tasks) == num_tasks:
        return hidden
    return ops.stack([hidden[t] for t in tasks])


def of_sets(tensors: Sequence[Tensor], num_tasks: int) -> Tensor:
    """Returns what towers read of several sets of embeddings.

    Args:
        tensors: a tensor for each set, `(batch, dim)`. The sets of the tasks come
            first, if each task has a set of its own.
        num_tasks: the number of tasks.

    Returns: `(tasks, batch, dim)`; `(batch, dim)` if all tasks read one set.
    """
    has_one = len(tensors) < max(num_tasks, 2)
    return tensors[0] if has_one else ops.stack(tensors[:num_tasks])


def layer_name(tasks: Iterable[int], *suffixes: str) -> str:
    """Returns the name of a layer of towers, such as `towers_0_2_logits`."""
    return "_".join(["towers", *map(str, tasks), *filter(None, suffixes)])
