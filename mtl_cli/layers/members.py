"""Members: networks that share most weights, but scale their input differently."""

from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register


@register
class EnsembleInputs(keras.layers.Layer):
    """Gives each member m an input of its own: `x_m = r_m * x`.

    x is a row, and * the element-wise product. The vectors r_m are trained; each entry
    starts at -1 or 1, at random. The members share the layers after this one, which
    read the rows of all members as one batch. Only the last layer of a tower has
    weights for each member, see `towers.py`.

    The files of weights that Keras writes hold the name of the class. With another
    name, this layer could not be loaded from the files of earlier runs.

    Args:
        num: number of members.
        seed: seed of the initial signs; None draws a random seed.

    Input shape: `(batch, dim)`.
    Output shape: `(num * batch, dim)`: all rows of the first member come first.

    Example:
        >>> x = keras.random.normal((5, 7))
        >>> EnsembleInputs(num=3)(x).shape
        TensorShape([15, 7])

    Reference: Gorishniy et al., "TabM: Advancing Tabular Deep Learning with
        Parameter-Efficient Ensembling", ICLR 2025, section 3.3, TabM-mini.
    """

    def __init__(self, num: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num = num
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        self.scale = self.add_weight(
            name="scale", shape=(self.num, 1, input_shape[-1]), initializer=self.signs
        )

    def signs(self, shape: Shape, dtype: str | None = None) -> Tensor:
        """Draws -1 and 1 with equal probability."""
        draw = keras.initializers.RandomUniform(-1, 1, seed=self.seed)
        return ops.where(draw(shape, dtype) < 0, -1.0, 1.0)

    def call(self, x: Tensor) -> Tensor:
        return ops.reshape(self.scale * x, (-1, x.shape[-1]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (None, input_shape[-1])


def by_member(x: Tensor, num: int) -> Tensor:
    """Splits the rows of all members, one member after another, by member.

    Args:
        x: `(num * batch, units)`.
        num: number of members.

    Returns: `(num, batch, units)`.
    """
    return ops.reshape(x, (num, -1, x.shape[-1]))
