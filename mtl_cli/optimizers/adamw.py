"""AdamW: Adam with a decay of the weights that is not part of the gradient."""

from typing import Any

from mtl_cli.core.options import NotNegative
from mtl_cli.core.tensors import Tensor
from mtl_cli.optimizers.adam import Adam
from mtl_cli.optimizers.base import Slots


class AdamW(Adam):
    """Each step updates `x -= a m / (sqrt(v) + epsilon) + r weight_decay x`.

    The first term is the step of `Adam`, see there for the symbols. The decay uses the
    learning rate r itself, not Adam's corrected rate a.

    Attributes:
        weight_decay: strength of the decay. Beside Adam's step, each step subtracts
            the fraction `r weight_decay` of every weight.

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR
        2019.
        Differs from the paper in: a row of a lazy table decays only in steps whose
        batch reads the row.
    """

    weight_decay: NotNegative

    def make_keras_optimizer(self, **common: Any) -> Any:
        # Keras' AdamW is Keras' Adam with another default of `weight_decay`.
        return super().make_keras_optimizer(weight_decay=self.weight_decay, **common)

    def row_change(
        self, rows: Tensor, gradient: Tensor, slots: Slots, step: Tensor, rate: Tensor
    ) -> tuple[Tensor, Slots]:
        change, slots = super().row_change(rows, gradient, slots, step, rate)
        return change - self.weight_decay * rate * rows, slots
