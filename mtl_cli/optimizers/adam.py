"""Adam: steps scaled by running means of the gradient and of its square."""

from typing import Any

from mtl_cli.core.options import Positive, Share
from mtl_cli.core.tensors import Tensor
from mtl_cli.optimizers.base import Optimizer, Slot


class Adam(Optimizer):
    """`x -= a m / (sqrt(v) + epsilon)`, with running means m of g and v of `g^2`.

    x is a weight, g its gradient, r the learning rate of the step. In step t, counted
    from 1:

        m += (1 - beta_1) (g - m)
        v += (1 - beta_2) (g^2 - v)
        a = r sqrt(1 - beta_2^t) / (1 - beta_1^t)

    Attributes:
        beta_1: share of the mean gradient m that a step keeps.
        beta_2: share of the mean square v that a step keeps.
        epsilon: number added to the root of v, so that no step divides by 0.

    Reference: Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
        Differs from the paper in: in a large table (`lazy`), m and v of a row decay
        only in steps whose batch reads the row.
    """

    beta_1: Share
    beta_2: Share
    epsilon: Positive

    def keras_optimizer(self, **common: Any) -> Any:
        import keras

        return keras.optimizers.Adam(
            beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon, **common
        )

    def row_slots(self) -> list[Slot]:
        return [Slot(0.0), Slot(0.0)]

    def row_change(
        self,
        rows: Tensor,
        gradient: Tensor,
        slots: list[Tensor],
        step: Tensor,
        rate: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        import tensorflow as tf

        m, v = slots
        m += (gradient - m) * (1 - self.beta_1)
        v += (tf.square(gradient) - v) * (1 - self.beta_2)
        t = tf.cast(step + 1, tf.float32)
        a = rate * (tf.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t))
        return -a * m / (tf.sqrt(v) + self.epsilon), [m, v]
