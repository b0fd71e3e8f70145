"""Adagrad: steps scaled by the sum of all squared gradients so far."""

from typing import Any

from mtl_cli.core.options import NotNegative, Positive
from mtl_cli.core.tensors import Tensor
from mtl_cli.optimizers.base import Optimizer, Slot


class Adagrad(Optimizer):
    """`s += g^2`, `x -= r g / sqrt(s + epsilon)`.

    Attributes:
        initial_accumulator_value: s before the first step.
        epsilon: added to s, so that no step divides by 0.

    Reference: Duchi et al., "Adaptive Subgradient Methods", JMLR 12, 2011.
    """

    initial_accumulator_value: NotNegative
    epsilon: Positive

    def keras_optimizer(self, **common: Any) -> Any:
        import keras

        return keras.optimizers.Adagrad(
            initial_accumulator_value=self.initial_accumulator_value,
            epsilon=self.epsilon,
            **common,
        )

    def row_slots(self) -> list[Slot]:
        return [Slot(self.initial_accumulator_value)]

    def row_change(
        self,
        rows: Tensor,
        gradient: Tensor,
        slots: list[Tensor],
        step: Tensor,
        rate: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        import tensorflow as tf

        total = slots[0] + self.squares(gradient)
        return -rate * gradient / tf.sqrt(total + self.epsilon), [total]

    def squares(self, gradient: Tensor) -> Tensor:
        """Returns what a step adds to s."""
        import tensorflow as tf

        return tf.square(gradient)
