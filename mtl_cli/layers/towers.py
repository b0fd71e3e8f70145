"""Towers: from each task's hidden vector to its logits."""

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
    """Connects a tower to each task's hidden vector; towers of equal shape are batched.

    `logits_t = W_t mlp_t(h_t) + b_t`, in float32 whatever the hidden layers compute in.

    Args:
        hidden: `(T, batch, dim)`, or `(batch, dim)` for one vector that all tasks read.
        tower_units: for each task, the hidden widths of its tower; may be empty.
        num_logits: for each task, the number of its logits: 1, or its classes.
        **dense_options: arguments of the hidden layers, see `ParallelMLP`.

    Returns: for each task, its logits `(batch, num_logits)`.

    Example:
        >>> import keras
        >>> h = keras.Input((7,))
        >>> [y.shape for y in connect_towers(h, [(8,), (8,), ()], [1, 1, 5])]
        [(None, 1), (None, 1), (None, 5)]
    """
    shapes = [(tuple(u), n) for u, n in zip(tower_units, num_logits, strict=True)]
    final_options = {
        key: value
        for key, value in dense_options.items()
        if key in ("l2", "initializer")
    }
    logits: dict[int, Tensor] = {}
    for units, width in dict.fromkeys(shapes):
        members = [t for t, shape in enumerate(shapes) if shape == (units, width)]
        x = hidden
        if len(hidden.shape) == 3 and len(members) < len(shapes):
            x = ops.stack([hidden[t] for t in members])
        name = "towers_" + "_".join(map(str, members))
        x = ParallelMLP(len(members), units, name=name, **dense_options)(x)
        # In float32: a sigmoid of a logit of 8 bits would blur small probabilities.
        y = ParallelDense(
            len(members), width, name=f"{name}_logits", dtype="float32", **final_options
        )(x)
        logits |= {t: y[i] for i, t in enumerate(members)}
    return [logits[t] for t in range(len(shapes))]
