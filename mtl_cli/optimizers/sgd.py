"""Stochastic gradient descent, with or without momentum."""

from typing import Any

from mtl_cli.core.options import Share
from mtl_cli.core.tensors import Tensor
from mtl_cli.optimizers.base import Optimizer, Slot


class SGD(Optimizer):
    """`x -= r g`; with momentum `m = momentum m - r g`, then `x += m`.

    x is a weight, g its gradient, and r the learning rate of the step.

    Attributes:
        momentum: share of the last step m that a step repeats; 0 for none.
        nesterov: whether a step takes `x += momentum m - r g` in place of `x += m`,
            with the new m.

    Reference: Sutskever et al., "On the importance of initialization and momentum in
        deep learning", ICML 2013, section 2.
    """

    momentum: Share
    nesterov: bool

    def keras_optimizer(self, **common: Any) -> Any:
        import keras

        return keras.optimizers.SGD(
            momentum=self.momentum, nesterov=self.nesterov, **common
        )

    def row_slots(self) -> list[Slot]:
        return [Slot(0.0)] if self.momentum else []

    def row_change(
        self,
        rows: Tensor,
        gradient: Tensor,
        slots: list[Tensor],
        step: Tensor,
        rate: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        if not self.momentum:
            return -rate * gradient, []
        m = self.momentum * slots[0] - rate * gradient
        return self.momentum * m - rate * gradient if self.nesterov else m, [m]
