"""Calibration: a scale and a shift that correct the logits after training."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register


@register
class Calibration(keras.layers.Layer):
    """Scales and shifts logits x: `y = scale * x + shift * direction`.

    The scale and the shift are single numbers. They are fitted to the validation rows
    after training, see `mtl_cli/training/calibration.py`.

    Args:
        shift: initial shift.
        direction: the change of each logit if the shift grows by 1; None changes each
            logit by 1.

    Input shape: `(batch, num_logits)`.
    Output shape: the same.

    Example:
        >>> Calibration(1.0, [0.0, 2.0])(keras.ops.zeros((1, 2))).numpy().tolist()
        [[0.0, 2.0]]

    Reference: Platt, "Probabilistic Outputs for Support Vector Machines and Comparisons
        to Regularized Likelihood Methods", 1999: the sigmoid 1 / (1 + exp(A x + B)) has
        A = -scale and B = -shift. Without a shift, the layer is the temperature scaling
        of Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """

    def __init__(
        self,
        shift: float = 0.0,
        direction: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        # The configuration of a saved layer holds `trainable` too.
        super().__init__(**kwargs | {"trainable": False})
        self.initial_shift = shift
        self.direction = direction

    def build(self, input_shape: Shape) -> None:
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        constant = keras.initializers.Constant(self.initial_shift)
        self.shift = self.add_weight(name="shift", shape=(), initializer=constant)

    def call(self, x: Tensor) -> Tensor:
        if self.direction is None:
            return self.scale * x + self.shift
        direction = ops.convert_to_tensor(self.direction, self.compute_dtype)
        return self.scale * x + self.shift * direction
