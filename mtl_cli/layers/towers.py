"""Connects the towers of several tasks, and computes towers of equal widths at once."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import ParallelDense, ParallelMLP, kernel_options


def connect_towers(
    hidden: Tensor,
    widths_by_task: Sequence[tuple[int, ...]],
    num_members: int = 1,
    suffix: str = "",
    **dense_options: Any,
) -> list[Tensor]:
    """Connects a tower to each task's hidden vector.

    The tower of task t computes `logits_t = W_t mlp_t(z_t) + b_t`. Towers of equal
    widths are computed side by side. The members of a run share mlp_t, but each has a
    W_t and a b_t of its own.

    Args:
        hidden: the hidden vectors z_t of the T tasks, `(T, batch, dim)`; or `(batch,
            dim)` if all towers read the same vector.
        widths_by_task: the widths of the layers of each task's tower. The last width is
            the number of logits: 1, or the number of classes.
        num_members: number of members. The batch then holds the rows of the first
            member, then the rows of the second member, and so on.
        suffix: a word in the layers' names, if the tasks have several towers.
        **dense_options: arguments of the hidden layers, see `ParallelMLP`.

    Returns: the logits of each task, `(batch, number of logits)`, in float32.

    Raises:
        ValueError: if `hidden` does not hold one vector for each tower.

    Example:
        >>> import keras
        >>> z = keras.Input((7,))
        >>> [y.shape for y in connect_towers(z, [(8, 1), (8, 1), (5,)])]
        [(None, 1), (None, 1), (None, 5)]
    """
    if len(hidden.shape) == 3 and hidden.shape[0] != len(widths_by_task):
        raise ValueError(
            f"hidden holds vectors for {hidden.shape[0]} tasks, widths_by_task for "
            f"{len(widths_by_task)}; make them equal."
        )

    def connect(widths: Sequence[int], tasks: Sequence[int]) -> Tensor:
        *units, num_logits = widths
        name = layer_name(tasks, suffix)
        mlp = ParallelMLP(len(tasks), units, name=name, **dense_options)
        x = mlp(select_tasks(hidden, tasks))
        name = layer_name(tasks, suffix, "logits")
        return connect_last_layers(
            x, len(tasks), num_logits, name, num_members, **dense_options
        )

    return connect_by_widths(widths_by_task, connect)


def connect_logits(
    hidden: Tensor, num_logits: Sequence[int], num_members: int, **dense_options: Any
) -> list[Tensor]:
    """Connects only the last layer of a tower, `W_t z_t + b_t`, to each task's vector.

    See `connect_towers` for the arguments and the result.
    """

    def connect(widths: Sequence[int], tasks: Sequence[int]) -> Tensor:
        x, name = select_tasks(hidden, tasks), layer_name(tasks, "logits")
        return connect_last_layers(
            x, len(tasks), widths[0], name, num_members, **dense_options
        )

    return connect_by_widths([(n,) for n in num_logits], connect)


def connect_last_layers(
    x: Tensor,
    num: int,
    num_logits: int,
    name: str,
    num_members: int,
    **dense_options: Any,
) -> Tensor:
    """Connects the last layers of `num` towers, one for each tower and member.

    The last layers have the initializer and the penalty on kernels of the hidden
    layers. They read x, `(groups, batch, dim)` or `(batch, dim)`, see `ParallelDense`.

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
    """Splits the input x of `num` towers into one input for each tower and member.

    Returns: `(num * num_members, batch / num_members, dim)`: first the inputs of all
        members for the first tower.
    """
    x = ops.expand_dims(x, 0) if len(x.shape) == 2 else x
    x = ops.repeat(x, num // x.shape[0], axis=0)
    return ops.reshape(x, (num * num_members, -1, x.shape[-1]))


def connect_by_widths(
    widths: Sequence[tuple[int, ...]],
    connect: Callable[[Sequence[int], Sequence[int]], Tensor],
) -> list[Tensor]:
    """Connects towers, and computes the towers of equal widths side by side.

    Args:
        widths: the widths of the layers of each task's tower.
        connect: called for each group of towers with equal widths, with the widths and
            the indices of the tasks. Returns the tasks' outputs, `(tasks, batch,
            units)`, or `(batch, units)` if the tasks have the same output.

    Returns: the output of each task, `(batch, units)`, in the order of the tasks.
    """
    outputs: dict[int, Tensor] = {}
    for group in dict.fromkeys(widths):
        tasks = [t for t in range(len(widths)) if widths[t] == group]
        y = connect(group, tasks)
        outputs |= {t: y if len(y.shape) == 2 else y[i] for i, t in enumerate(tasks)}
    return [outputs[t] for t in range(len(widths))]


def select_tasks(hidden: Tensor, tasks: Sequence[int]) -> Tensor:
    """Selects the vectors of some tasks, `(tasks, batch, dim)`.

    If all tasks share one vector, `(batch, dim)`, this is the vector itself.
    """
    if len(hidden.shape) == 2 or len(tasks) == hidden.shape[0]:
        return hidden
    return ops.stack([hidden[t] for t in tasks])


def layer_name(tasks: Iterable[int], *suffixes: str) -> str:
    """Returns the name of a layer of some tasks' towers, such as `towers_0_2_logits`.

    The suffixes tell the layers of a tower apart; "" is left out.
    """
    return "_".join(["towers", *map(str, tasks), *filter(None, suffixes)])
