"""Members: networks that a run trains side by side and that share most weights."""

from typing import Any, ClassVar

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.fast_factors import FACTOR_SPEED, fast_factors
from mtl_cli.layers.register import Shape, register


@register
class MemberInputs(keras.layers.Layer):
    """Gives each member m an input of its own: `x_m = r_m * x`.

    x is a row, and * the element-wise product. Each entry of the vectors r_m starts at
    -1 or 1, at random. The vectors are `fast_factors` of the weights that are trained,
    unlike in the paper, so that the members differ more. The layers after this layer
    read the rows of all members as one batch, `(num_members * batch, dim)`: first the
    rows of the first member, then the rows of the second, and so on. Only the last
    layer of a tower has weights for each member, see `towers.py`.

    Do not rename this class: files of weights that Keras writes hold its name.

    Reference: Gorishniy et al., "TabM: Advancing Tabular Deep Learning with
        Parameter-Efficient Ensembling", ICLR 2025, section 3.3, TabM-mini.
    """

    # Column i of the output is column i of the input, scaled, see `FeatureColumns`.
    keeps_columns: ClassVar[bool] = True

    def __init__(self, num_members: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_members = num_members

    def build(self, input_shape: Shape) -> None:
        self.scale = self.add_weight(  # the vectors r_m / FACTOR_SPEED
            name="scale",
            shape=(self.num_members, 1, input_shape[-1]),
            initializer=self.draw_signs,
        )

    def draw_signs(self, shape: Shape, dtype: str | None = None) -> Tensor:
        """Draws -1 and 1 with equal probability, divided by `FACTOR_SPEED`."""
        uniform = keras.initializers.RandomUniform(-1, 1)
        return ops.where(uniform(shape, dtype) < 0, -1.0, 1.0) / FACTOR_SPEED

    def call(self, x: Tensor) -> Tensor:
        scaled = fast_factors(self.scale) * x  # (num_members, batch, dim)
        return ops.reshape(scaled, (-1, x.shape[-1]))


def split_by_member(x: Tensor, num_members: int) -> Tensor:
    """Splits the output of `MemberInputs` into `(num_members, batch, units)`."""
    return ops.reshape(x, (num_members, -1, x.shape[-1]))
