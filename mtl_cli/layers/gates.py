"""`Gates` compute weights over experts; `Mix` sums the experts with these weights."""

import math
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import keras
import tensorflow as tf

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import (
    ParallelDense,
    ParallelMLP,
    kernel_options,
    pop_dense_options,
)
from mtl_cli.layers.register import Shape, register
from mtl_cli.layers.routing import Route, Routing, routes_to_shared

VECTOR_WIDTH = 16  # number of float32 values in a vector register (AVX-512)


@register
class Gates(Routing):
    """Computes `num` gates side by side, each with weights over `num_experts` experts.

    Gate g computes `softmax(W_g x)` as in the paper, or `softmax(W_g mlp_g(x))` if
    `units` is not empty. The paper writes g^k(x) = softmax(W_gk x) for the gate of the
    task k.

    Args:
        num: number of gates.
        num_experts: number of experts that each gate weighs.
        units: widths of a gate's hidden layers; empty for the paper's linear gate.
        routes: the owner of each gate and the names of its experts, for reports; None
            if all gates serve all tasks and weigh shared experts.
        **kwargs: further arguments of `ParallelMLP`, for the hidden layers, and of a
            Keras layer. W_g has the same `l2` and `initializer`.

    Input shape: `(batch, dim)` if all gates read the same input, or
        `(groups, batch, dim)`, see `ParallelDense`.
    Output shape: `(num, batch, num_experts)`; the last axis sums to 1.

    Reference: Ma et al., KDD 2018, equation 8, see `models/mmoe.py`.
    """

    variables_by_expert: tuple[str, ...] = ("logits.kernel",)

    def __init__(
        self,
        num: int,
        num_experts: int,
        units: Sequence[int] = (),
        routes: Sequence[Route] | None = None,
        **kwargs: Any,
    ) -> None:
        dense_options = pop_dense_options(kwargs)
        super().__init__(routes or routes_to_shared(num, num_experts), **kwargs)
        dense_options["dtype"] = self.dtype_policy
        self.hidden = ParallelMLP(num, units, **dense_options)
        options = kernel_options(dense_options)
        self.logits = ParallelDense(num, num_experts, use_bias=False, **options)

    def build(self, input_shape: Shape) -> None:
        self.hidden.build(input_shape)
        hidden_shape = self.hidden.compute_output_shape(input_shape)
        # A subclass may have more parts that read the output of the hidden layers.
        for part in self.parts().values():
            if part is not self.hidden:
                part.build(hidden_shape)

    def call(self, x: Tensor) -> Tensor:
        # `keras.ops.softmax` would warn about a gate over a single expert.
        return tf.nn.softmax(self.logits(self.hidden(x)))

    def parts(self) -> dict[str, Any]:
        return {"": self.hidden, "logits.": self.logits}


@register
class Mix(keras.layers.Layer):
    """Sums the experts' outputs with each gate's weights: `y_g = sum_i w_gi f_i`.

    g is a gate, w_gi its weight of expert i, and f_i the output of expert i. For the
    gate of the task k, the paper writes g^k(x)_i for w_gi, and f^k(x) for y_g. Call the
    layer as `Mix()(weights, experts)`. The layer has no arguments.

    Input shape: weights w `(gates, batch, experts)`; the experts' outputs f
        `(experts, batch, units)` if all gates mix the same experts, or
        `(gates, experts, batch, units)` if each gate mixes experts of its own.
    Output shape: `(gates, batch, units)`.

    Example:
        >>> x = keras.random.normal((5, 7))
        >>> experts = ParallelMLP(num=3, units=(4,))(x)
        >>> Mix()(Gates(num=2, num_experts=3)(x), experts).shape
        TensorShape([2, 5, 4])

    Reference: Ma et al., KDD 2018, equation 7, see `models/mmoe.py`.
    """

    def build(self, weights_shape: Shape, experts_shape: Shape) -> None:
        if weights_shape[-1] != experts_shape[-3]:
            raise ValueError(
                f"weights {weights_shape} and experts {experts_shape} are for "
                "different numbers of experts."
            )
        if len(experts_shape) == 4 and weights_shape[0] != experts_shape[0]:
            raise ValueError(
                f"weights {weights_shape} and experts {experts_shape} are for "
                "different numbers of gates."
            )

    def call(self, weights: Tensor, experts: Tensor) -> Tensor:
        return mix(weights, experts)

    def compute_output_spec(self, weights: Tensor, experts: Tensor) -> Tensor:
        shape = (weights.shape[0], *experts.shape[-2:])
        return keras.KerasTensor(shape, self.compute_dtype)


def mix_tensors(weights: Tensor, expert_tensors: Sequence[Tensor]) -> Tensor:
    """Sums experts as `Mix` does, but reads the experts' outputs from several tensors.

    The experts of all tensors together are in the order of the weights.
    """
    sums = []
    start = 0
    for experts in expert_tensors:
        stop = start + experts.shape[-3]
        sums.append(Mix()(weights[..., start:stop], experts))
        start = stop
    if start != weights.shape[-1]:
        raise ValueError(f"weights {weights.shape} are not for {start} experts.")
    return reduce(add, sums)


@tf.custom_gradient
def mix(weights: Tensor, experts: Tensor) -> Tensor:
    """Returns the output of `Mix`, with the gradient of `weight_gradient`."""
    # (gates, experts, batch, 1)
    by_expert = tf.transpose(weights, (0, 2, 1))[..., None]

    def gradient(grad_mixed: Tensor) -> tuple[Tensor, Tensor]:
        grad_mixed = grad_mixed[:, None]  # (gates, 1, batch, units)
        grad_weights = weight_gradient(grad_mixed, experts)
        grad_experts = by_expert * grad_mixed
        if len(experts.shape) == 3:  # all gates read the same experts
            grad_experts = tf.reduce_sum(grad_experts, axis=0)
        return grad_weights, grad_experts

    return tf.reduce_sum(by_expert * experts, axis=1), gradient


def weight_gradient(grad_mixed: Tensor, experts: Tensor) -> Tensor:
    """Computes the gradient of the weights of `Mix`, faster than XLA's own gradient.

    The gradient of a weight is the product of the output's gradient and the expert's
    output, summed over the units. XLA's own gradient stores all products, (gates,
    experts, batch, units), and sums them in two more passes, a seventh of the time of a
    training step of PLE. Here the products of slices of the units are added up, which
    XLA makes one operation. The width of a slice is `VECTOR_WIDTH`, or half of it, or
    all units if neither divides their number.

    `grad_mixed` is `(gates, 1, batch, units)`, the result `(gates, batch, experts)`.
    """
    units = experts.shape[-1]
    width = math.gcd(units, VECTOR_WIDTH)
    num_slices = units // width if width >= VECTOR_WIDTH // 2 else 1
    grad_slices = tf.split(grad_mixed, num_slices, axis=-1)
    expert_slices = tf.split(experts, num_slices, axis=-1)
    pairs = zip(grad_slices, expert_slices, strict=True)
    sums = tf.add_n([grad * expert for grad, expert in pairs])
    return tf.transpose(tf.reduce_sum(sums, axis=-1), (0, 2, 1))
