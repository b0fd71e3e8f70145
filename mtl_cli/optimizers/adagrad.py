"""Adagrad: steps scaled by the sum of all squared gradients so far."""

from typing import Any

from mtl_cli.core.options import NotNegative, PositiveUpToOne
from mtl_cli.core.tensors import Tensor
from mtl_cli.optimizers.base import Optimizer, Slots, SlotSpec


class Adagrad(Optimizer):
    """Each step updates a weight by `s += g^2`, then `x -= r g / sqrt(s + epsilon)`.

    `Optimizer` explains x, g and r. s is the sum of the squares of g over all steps.

    Attributes:
        initial_accumulator_value: the value of s before the first step. With a value
            such as 0.1, embeddings hardly move: the loss is a mean over the batch, and
            few of its rows hold a given id, so the g^2 of an embedding is far below s.
        epsilon: constant added to s, so that no step divides by 0.

    Reference: Duchi et al., "Adaptive Subgradient Methods", JMLR 12, 2011.
    """

    initial_accumulator_value: NotNegative
    epsilon: PositiveUpToOne

    def make_keras_optimizer(self, **common: Any) -> Any:
        import keras

        return keras.optimizers.Adagrad(
            initial_accumulator_value=self.initial_accumulator_value,
            epsilon=self.epsilon,
            **common,
        )

    def row_slots(self) -> list[SlotSpec]:
        return [SlotSpec(self.initial_accumulator_value)]

    def row_change(
        self, rows: Tensor, gradient: Tensor, slots: Slots, step: Tensor, rate: Tensor
    ) -> tuple[Tensor, Slots]:
        import tensorflow as tf

        s = slots[0] + self.squared_gradient(gradient)
        return -rate * gradient / tf.sqrt(s + self.epsilon), [s]

    def squared_gradient(self, gradient: Tensor) -> Tensor:
        """Returns the term that a step adds to s."""
        import tensorflow as tf

        return tf.square(gradient)
