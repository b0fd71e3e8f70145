"""Noisy top-k gates: each row reads the few experts with the largest logits."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import (
    DENSE_OPTIONS,
    ParallelDense,
    ParallelMLP,
    Shape,
    kernel_options,
    register,
)
from mtl_cli.layers.routing import Route, Routing, routes_to_shared


@register
class TopKGates(Routing):
    """Computes gates that give weight to the k = `num_selected` best experts of a row.

        H(x)_i = (W x)_i + e softplus((V x)_i)    e drawn from N(0, 1), in training only
        weight = softmax(KeepTopK(H(x), k))

    KeepTopK sets all but the k largest numbers to minus infinity, so that the other
    experts have weight 0 and no gradient. The noise gives them a chance in training.

    Args:
        num: number of gates.
        num_experts: number of experts that each gate weighs.
        units: widths of a gate's hidden layers; empty for the paper's linear gate.
        num_selected: number of experts that a row reads, k. All experts if there are no
            more than that. With 1, the weight is always 1, so that W has no gradient.
        has_noise: whether there is noise in training; without it, V is left out.
        routes: see `Gates`.
        **kwargs: further arguments of `ParallelMLP`, for the hidden layers, and of a
            Keras layer.

    Input shape: see `Gates`.
    Output shape: `(num, batch, num_experts)`; the last axis sums to 1.

    Example:
        >>> x = keras.random.normal((5, 7))
        >>> weights = TopKGates(num=2, num_experts=3, num_selected=1)(x)
        >>> int((weights.numpy() > 0).sum())  # one expert for each gate and row
        10

    Reference: Shazeer et al., "Outrageously Large Neural Networks: The
        Sparsely-Gated Mixture-of-Experts Layer", ICLR 2017, equations 3 to 5.
        Differs from the paper in: there are no losses that balance the experts' load,
        since tasks may well need different experts; W and V start as the model's
        initializer draws them, not at 0.
    """

    pieces_by_expert: tuple[str, ...] = ("logits.kernel", "noise.kernel")

    def __init__(
        self,
        num: int,
        num_experts: int,
        units: Sequence[int] = (),
        num_selected: int = 2,
        has_noise: bool = True,
        routes: Sequence[Route] | None = None,
        **kwargs: Any,
    ) -> None:
        dense_options = {k: kwargs.pop(k) for k in DENSE_OPTIONS if k in kwargs}
        super().__init__(routes or routes_to_shared(num, num_experts), **kwargs)
        self.num_selected = min(num_selected, num_experts)
        self.hidden = ParallelMLP(num, units, **dense_options)
        options = kernel_options(dense_options)
        self.logits = ParallelDense(num, num_experts, use_bias=False, **options)
        self.noise = None
        if has_noise:
            self.noise = ParallelDense(num, num_experts, use_bias=False, **options)
            self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: Shape) -> None:
        self.hidden.build(input_shape)
        hidden_shape = self.hidden.compute_output_shape(input_shape)
        self.logits.build(hidden_shape)
        if self.noise is not None:
            self.noise.build(hidden_shape)

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        hidden = self.hidden(x)
        h = ops.cast(self.logits(hidden), "float32")  # H, (num, B, E)
        if training and self.noise is not None:
            e = keras.random.normal(ops.shape(h), seed=self.seed_generator)
            h += e * ops.softplus(ops.cast(self.noise(hidden), "float32"))
        least = ops.top_k(h, self.num_selected)[0][..., -1:]
        weights = ops.softmax(ops.where(h < least, -float("inf"), h))
        return ops.cast(weights, self.compute_dtype)

    def parts(self) -> dict[str, Any]:
        parts = {"": self.hidden, "logits.": self.logits}
        return parts if self.noise is None else parts | {"noise.": self.noise}
