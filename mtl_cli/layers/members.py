"""Members: networks that a run trains side by side and that share most weights."""

from typing import Any, ClassVar

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register


@register
class EnsembleInputs(keras.layers.Layer):
    """Gives each member m an input of its own: `x_m = r_m * x`.

    x is a row, and * the element-wise product. The vectors r_m are trained; each entry
    starts at -1 or 1, at random. The members share the layers after this layer: the
    shared layers read the rows of all members as one batch. Only the last layer of a
    tower has weights for each member, see `towers.py`.

    Do not rename this class: the files of weights that Keras writes hold the name of
    the class. With another name, the files of earlier runs could not be loaded.

    Args:
        num_members: number of members.
        seed: seed of the initial signs; None draws a random seed.

    Input shape: `(batch, dim)`.
    Output shape: `(num_members * batch, dim)`: first the rows of the first member, then
        the rows of the second member, and so on.

    Example:
        >>> x = keras.random.normal((5, 7))
        >>> EnsembleInputs(num_members=3)(x).shape
        TensorShape([15, 7])

    Reference: Gorishniy et al., "TabM: Advancing Tabular Deep Learning with
        Parameter-Efficient Ensembling", ICLR 2025, section 3.3, TabM-mini.
    """

    # Column i of the output is column i of the input, scaled. So `start_from` copies
    # the factors of each feature to the columns of this feature in another run.
    keeps_columns: ClassVar[bool] = True

    def __init__(
        self, num_members: int, seed: int | None = None, **kwargs: Any
    ) -> None:
        # Keras itself saves these arguments, so the layer needs no `get_config`.
        super().__init__(**kwargs)
        self.num_members = num_members
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        self.scale = self.add_weight(  # the vectors r_m
            name="scale",
            shape=(self.num_members, 1, input_shape[-1]),
            initializer=self.draw_signs,
        )

    def draw_signs(self, shape: Shape, dtype: str | None = None) -> Tensor:
        """Draws -1 and 1 with equal probability; the initializer of `scale`."""
        uniform = keras.initializers.RandomUniform(-1, 1, seed=self.seed)
        return ops.where(uniform(shape, dtype) < 0, -1.0, 1.0)

    def call(self, x: Tensor) -> Tensor:
        scaled = self.scale * x  # (num_members, batch, dim)
        return ops.reshape(scaled, (-1, x.shape[-1]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (None, input_shape[-1])


def split_by_member(x: Tensor, num_members: int) -> Tensor:
    """Splits the rows of all members into the rows of each member.

    Args:
        x: the rows of the first member, then the rows of the second member, and so on,
            `(num_members * batch, units)`.
        num_members: number of members.

    Returns: `(num_members, batch, units)`.
    """
    return ops.reshape(x, (num_members, -1, x.shape[-1]))
