"""The type of tensors in signatures, and a check of their shapes."""

from collections.abc import Sequence
from typing import Any

from mtl_cli.core.errors import ConfigError

# A tensor of Keras or TensorFlow. Neither library has types that a checker can use.
Tensor = Any


def check_shape(
    source: str, tensor: Tensor, expected: Sequence[int | str | None], fix: str = ""
) -> None:
    """Checks the shape of a tensor or array that a method of an option returns.

    A wrong shape would often be broadcast, and the run would go on with wrong numbers.

    Args:
        source: the option and its method, for the message.
        tensor: the tensor; a number counts as a tensor without axes.
        expected: the length of each axis. A word names an axis of any length; None
            stands for "batch".
        fix: what the author of the option can do.
    """
    shape = getattr(tensor, "shape", () if isinstance(tensor, int | float) else None)
    if shape is None:
        raise ConfigError(
            f"{source} returns {type(tensor).__name__}, not a tensor "
            f"{shape_text(expected)}"
        )
    if getattr(shape, "rank", 0) is None:  # TensorFlow does not know the shape
        return
    lengths = tuple(shape)
    fits = len(lengths) == len(expected) and all(
        length is None or not isinstance(axis, int) or length == axis
        for length, axis in zip(lengths, expected, strict=True)
    )
    if not fits:
        end = f"; {fix}" if fix else ""
        raise ConfigError(
            f"{source} returns {shape_text(lengths)}, not {shape_text(expected)}{end}"
        )


def shape_text(axes: Sequence[int | str | None]) -> str:
    """Returns a shape as text, such as `(batch, 2)`. None is the unknown batch size."""
    names = ["batch" if axis is None else str(axis) for axis in axes]
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"
