"""Stochastic gradient descent, with or without momentum."""

from typing import Any

from mtl_cli.core.options import FractionBelowOne
from mtl_cli.core.tensors import Tensor
from mtl_cli.optimizers.base import Optimizer, Slots, SlotSpec


class SGD(Optimizer):
    """Each step moves a weight against its gradient: `x -= r g`.

    With momentum, a step is

        m  = momentum m - r g
        x += m                    without `nesterov`
        x += momentum m - r g     with `nesterov`

    `Optimizer` explains x, g and r. m is 0 before the first step.

    Attributes:
        momentum: fraction of the last step's m that is part of this step's m; 0 for no
            momentum.
        nesterov: whether to use Nesterov's momentum.

    Reference: Sutskever et al., "On the importance of initialization and momentum in
        deep learning", ICML 2013, section 2.
        Differs from the paper in: a row of a lazy table and its m change only in steps
        whose batch reads the row.
    """

    momentum: FractionBelowOne
    nesterov: bool

    def make_keras_optimizer(self, **common: Any) -> Any:
        import keras

        return keras.optimizers.SGD(
            momentum=self.momentum, nesterov=self.nesterov, **common
        )

    def row_slots(self) -> list[SlotSpec]:
        return [SlotSpec(0.0)] if self.momentum else []

    def row_change(
        self, rows: Tensor, gradient: Tensor, slots: Slots, step: Tensor, rate: Tensor
    ) -> tuple[Tensor, Slots]:
        if not self.momentum:
            return -rate * gradient, []
        m = self.momentum * slots[0] - rate * gradient
        if self.nesterov:
            return self.momentum * m - rate * gradient, [m]
        return m, [m]
