"""Gates, and the sum of experts that a gate weighs."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from mtl_cli.layers.parallel import ParallelDense, ParallelMLP, Shape, register


@register
class Gates(keras.layers.Layer):
    """`num` gates side by side, each giving softmax weights over `num_experts` experts.

    Gate `g` computes `softmax(W_g x)` as in the papers, or `softmax(W_g mlp_g(x))` if
    it has hidden layers.

    Args:
        num: number of gates.
        num_experts: number of experts that each gate weighs.
        units: widths of a gate's hidden layers; empty is the papers' linear gate.
        activation: of the hidden layers, as are the arguments below: see `ParallelMLP`.
        dropout: share of hidden units dropped in training.
        batch_norm: whether hidden units are normalised over the batch.
        l2: strength of the L2 penalty on all kernels, 0 for none.
        initializer: name of a Keras initializer, drawn anew for every gate.

    Input shape: `(batch, dim)` for all gates, or `(num, batch, dim)`.
    Output shape: `(num, batch, num_experts)`; the last axis sums to 1.

    Raises:
        ValueError: if the first axis of a `(groups, batch, dim)` does not divide `num`.

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


@register
class Mix(keras.layers.Layer):
    """Sums experts by the weights of gates: `y_g = sum_i weights_gi experts_i`.

    Called with `(weights, experts)`.

    Input shape: weights `(gates, batch, experts)`; experts `(experts, batch, units)`,
        the same for all gates, or `(gates, experts, batch, units)`.
    Output shape: `(gates, batch, units)`.

    Example:
        >>> x = keras.random.normal((5, 7))
        >>> experts = ParallelMLP(num=3, units=(4,))(x)
        >>> Mix()(Gates(num=2, num_experts=3)(x), experts).shape
        TensorShape([2, 5, 4])

    Reference: Ma et al., KDD 2018, equation 6.
    """

    def call(self, weights: Any, experts: Any) -> Any:
        return mix(weights, experts)

    def compute_output_spec(self, weights: Any, experts: Any) -> Any:
        shape = (weights.shape[0], *experts.shape[-2:])
        return keras.KerasTensor(shape, self.compute_dtype)


@tf.custom_gradient
def mix(weights: Any, experts: Any) -> Any:
    """Returns `Mix`'s output; the gradient of the weights stores no products.

    XLA's own gradient stores `(gates, experts, batch, units)` and sums it in two more
    passes, which took a seventh of a PLE's step. Here 16 products at a time, a vector
    of the processor, are added as they are made; a quarter of the sum is left.
    """
    by_expert = tf.transpose(weights, (0, 2, 1))[..., None]  # (gates, experts, B, 1)

    def gradient(of_mixed: Any) -> tuple[Any, Any]:
        of_mixed = of_mixed[:, None]  # (gates, 1, B, units)
        units = experts.shape[-1]
        width = math.gcd(units, 16)
        parts = units // width if width >= 8 else 1
        sums = tf.add_n(
            [
                a * b
                for a, b in zip(
                    tf.split(of_mixed, parts, axis=-1),
                    tf.split(experts, parts, axis=-1),
                    strict=True,
                )
            ]
        )
        of_weights = tf.transpose(tf.reduce_sum(sums, axis=-1), (0, 2, 1))
        of_experts = by_expert * of_mixed
        if len(experts.shape) == 3:  # all gates read the same experts
            of_experts = tf.reduce_sum(of_experts, axis=0)
        return of_weights, of_experts

    return tf.reduce_sum(by_expert * experts, axis=1), gradient
