"""Calibration of logits after training."""

from typing import Any

import keras

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import Shape, register


@register
class Calibration(keras.layers.Layer):
    """Stretches and shifts logits: `y = scale * x + shift`.

    Training leaves scale and shift as they are. They are fitted to the validation rows
    afterwards, see `mtl_cli/training/calibration.py`.

    Args:
        shift: initial shift, the same for all logits of a row.

    Input shape: `(batch, num_logits)`.
    Output shape: the same.

    Example:
        >>> Calibration(shift=1.0)(keras.ops.zeros((2, 1))).numpy().tolist()
        [[1.0], [1.0]]

    Reference: Platt, "Probabilistic Outputs for Support Vector Machines and Comparisons
        to Regularized Likelihood Methods", 1999, equation 12; without a shift it is
        the temperature scaling of Guo et al., "On Calibration of Modern Neural
        Networks", ICML 2017, with temperature 1 / scale.
    """

    def __init__(self, shift: float = 0.0, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.initial_shift = shift

    def build(self, input_shape: Shape) -> None:
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        constant = keras.initializers.Constant(self.initial_shift)
        self.shift = self.add_weight(name="shift", shape=(), initializer=constant)

    def call(self, x: Tensor) -> Tensor:
        return self.scale * x + self.shift

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape
