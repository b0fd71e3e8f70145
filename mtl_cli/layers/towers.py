"""Towers, which turn each task's hidden vector into its logits."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import ParallelDense, ParallelMLP


def connect_towers(
    hidden: Tensor,
    tower_units: Sequence[Sequence[int]],
    num_logits: Sequence[int],
    **dense_options: Any,
) -> list[Tensor]:
    """Connects a tower to each task's hidden vector.

    The tower of task t computes `logits_t = W_t mlp_t(h_t) + b_t`. Towers with the same
    widths and number of logits are computed side by side.

    Args:
        hidden: the tasks' hidden vectors h_t, `(T, batch, dim)`; or `(batch, dim)` if
            all towers read the same vector.
        tower_units: for each task, the widths of its tower's hidden layers; empty for a
            tower without hidden layers.
        num_logits: for each task, the number of its logits: 1, or the number of
            classes.
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
    logits_options = {
        key: value
        for key, value in dense_options.items()
        if key in ("l2", "initializer")
    }
    logits: dict[int, Tensor] = {}
    for shape in dict.fromkeys(shapes):
        units, width = shape
        tasks = [t for t in range(len(shapes)) if shapes[t] == shape]
        x = hidden
        if len(hidden.shape) == 3 and len(tasks) < len(shapes):
            x = ops.stack([hidden[t] for t in tasks])
        name = "towers_" + "_".join(map(str, tasks))
        x = ParallelMLP(len(tasks), units, name=name, **dense_options)(x)
        # Logits are float32 even if the hidden layers compute in bfloat16, whose 8
        # significant bits are too few for the probabilities near 0 and 1.
        y = ParallelDense(
            len(tasks), width, name=f"{name}_logits", dtype="float32", **logits_options
        )(x)
        logits |= {t: y[i] for i, t in enumerate(tasks)}
    return [logits[t] for t in range(len(shapes))]
