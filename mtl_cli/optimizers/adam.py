"""Adam: steps scaled by running means of the gradient and of its square."""

from typing import Any

from mtl_cli.core.options import FractionBelowOne, PositiveUpToOne
from mtl_cli.core.tensors import Tensor
from mtl_cli.optimizers.base import Optimizer, Slots, SlotSpec


class Adam(Optimizer):
    """Moves a weight by the mean of its recent gradients, divided by their usual size.

    In step t, counted from 1:

        m += (1 - beta_1) (g - m)                 the running mean of g
        v += (1 - beta_2) (g^2 - v)               the running mean of g^2
        a  = r sqrt(1 - beta_2^t) / (1 - beta_1^t)
        x -= a m / (sqrt(v) + epsilon)

    `Optimizer` explains x, g and r. m and v start at 0; a corrects that they are too
    small at first.

    Attributes:
        beta_1: weight of the earlier steps in the running mean m.
        beta_2: weight of the earlier steps in the running mean v.
        epsilon: constant added to the square root of v, so that no step divides by 0.

    Reference: Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
        Differs from the paper in: m and v of a row in a lazy table decay only in steps
        whose batch reads the row, but t counts every step.
    """

    beta_1: FractionBelowOne
    beta_2: FractionBelowOne
    epsilon: PositiveUpToOne

    def make_keras_optimizer(self, **common: Any) -> Any:
        import keras

        return keras.optimizers.Adam(
            beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon, **common
        )

    def row_slots(self) -> list[SlotSpec]:
        return [SlotSpec(0.0), SlotSpec(0.0)]

    def row_change(
        self, rows: Tensor, gradient: Tensor, slots: Slots, step: Tensor, rate: Tensor
    ) -> tuple[Tensor, Slots]:
        import tensorflow as tf

        from mtl_cli.layers.adam_step import adam_step

        m, v = slots
        t = tf.cast(step + 1, tf.float32)  # `step` is counted from 0
        change, m, v = adam_step(
            gradient, m, v, t, rate, self.beta_1, self.beta_2, self.epsilon
        )
        return change, [m, v]
