"""Gates, and the weighted sum of experts that they choose."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mtl_cli.layers.parallel import ParallelDense, ParallelMLP, Shape, register


@register
class Gates(keras.layers.Layer):
    """`num` gates side by side: softmax weights over `num_experts` experts.

    `softmax(W_g x)` as in the papers, or `softmax(W_g mlp_g(x))` if `units` are given.

    Args:
        num: how many gates.
        num_experts: how many experts each gate weighs.
        units: widths of a gate's hidden layers; empty is the papers' linear gate.
        **options: of the hidden layers, see `ParallelMLP`.

    Input shape: `(batch, dim)` for all gates, or `(num, batch, dim)`.
    Output shape: `(num, batch, num_experts)`; the last axis sums to 1.

    Example:
        >>> x = keras.random.normal((5, 7))
        >>> Gates(num=2, num_experts=3)(x).shape
        TensorShape([2, 5, 3])

    Reference: Ma et al., "Modeling Task Relationships in Multi-task Learning with
        Multi-gate Mixture-of-Experts", KDD 2018, equation 7.
    """

    def __init__(
        self,
        num: int,
        num_experts: int,
        units: Sequence[int] = (),
        activation: str = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        l2: float = 0.0,
        initializer: str = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_experts = num_experts
        self.hidden = ParallelMLP(
            num, units, activation, dropout, batch_norm, l2, initializer
        )
        self.logits = ParallelDense(
            num, num_experts, use_bias=False, l2=l2, initializer=initializer
        )

    def build(self, input_shape: Shape) -> None:
        self.hidden.build(input_shape)
        self.logits.build(self.hidden.compute_output_shape(input_shape))

    def call(self, x: Any) -> Any:
        logits = self.logits(self.hidden(x))
        if self.num_experts == 1:
            # Weight 1, gradient 0. Keras warns of a softmax over one value, and of
            # weights that no gradient reaches.
            return ops.exp(logits - logits)
        return ops.softmax(logits)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape: Shape = self.logits.compute_output_shape(input_shape)
        return shape


def mix(weights: Any, experts: Any) -> Any:
    """Sums experts by their gates' weights.

    Args:
        weights: `(gates, batch, experts)`.
        experts: `(experts, batch, units)`, the same for all gates, or
            `(gates, experts, batch, units)`.

    Returns: `(gates, batch, units)`.
    """
    weights = ops.transpose(weights, (0, 2, 1))[..., None]  # (gates, experts, B, 1)
    return ops.sum(weights * experts, axis=1)
