"""The gates of DSelect-k. Each selects a few experts by a smooth binary code."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import (
    DENSE_OPTIONS,
    ParallelDense,
    ParallelMLP,
    Shape,
    register,
)
from mtl_cli.layers.routing import Route, Routing, routes_to_shared

EPSILON = 1e-6  # inside the logarithm of the entropy, as in the authors' code
# A selector may saturate at a code without an expert. The penalty then stays at 1000.
LEAST_SUM = 1e-3


def uniform(limit: float) -> dict[str, Any]:
    """Returns the configuration of an initializer: uniform in [-limit, limit]."""
    config = {"minval": -limit, "maxval": limit}
    return {"class_name": "RandomUniform", "config": config}


@register
class DSelectKGates(Routing):
    """Computes gates that give weight to `num_selected` experts at most, once trained.

    Each of the k = `num_selected` selectors of a gate has m = ceil(log2 E) numbers z,
    one per bit of the number of an expert. The smooth step S turns each number into a
    bit that is exactly 0 or 1 outside of (-gamma/2, gamma/2):

        S(z)   = -2 z^3 / gamma^3 + 3 z / (2 gamma) + 1/2    for |z| < gamma/2
        r_j    = prod_b S(z_jb) if bit b of the expert is 1, else 1 - S(z_jb)
        weight = sum_j softmax(w)_j r_j                      of each expert

    In training, the layer adds two penalties for each row (`add_loss` of a vector).

    - The entropy of the selectors, entropy * sum_j sum_i -r_ji log(r_ji), makes each
      selector decide for one expert.
    - sum_j 1 / sum_i r_ji keeps the selectors off the codes without an expert. If E is
      a power of two, every code has an expert, and this penalty is left out.

    Static gates add the same penalties once per step.

    Args:
        num: number of gates.
        num_experts: number of experts that each gate weighs, E; 2 or more.
        units: widths of a gate's hidden layers; empty for the paper's linear gate.
        num_selected: number of selectors, k.
        gamma: width of the smooth step.
        entropy: strength of the penalty on the entropy of the selectors.
        is_static: whether the weights are the same for all rows.
        routes: see `Gates`.
        **kwargs: further arguments of `ParallelMLP`, for the hidden layers, and of a
            Keras layer.

    Input shape: see `Gates`.
    Output shape: `(num, batch, num_experts)`; the last axis sums to 1 if E is a power
        of two.

    Reference: Hazimeh et al., "DSelect-k: Differentiable Selection in the Mixture of
        Experts with Applications to Multi-Task Learning", NeurIPS 2021.
        Differs from the paper in: the strength of the entropy's penalty does not grow
        during training; the second penalty is bounded by 1000 for each selector, where
        the paper's is infinite at a code without an expert.
    """

    def __init__(
        self,
        num: int,
        num_experts: int,
        units: Sequence[int] = (),
        num_selected: int = 2,
        gamma: float = 1.0,
        entropy: float = 1e-6,
        is_static: bool = False,
        routes: Sequence[Route] | None = None,
        **kwargs: Any,
    ) -> None:
        dense_options = {k: kwargs.pop(k) for k in DENSE_OPTIONS if k in kwargs}
        super().__init__(routes or routes_to_shared(num, num_experts), **kwargs)
        self.num_experts, self.num_selected = num_experts, num_selected
        self.gamma, self.entropy, self.reads_rows = gamma, entropy, not is_static
        self.num_bits = math.ceil(math.log2(num_experts))
        # Static gates are computed for one row that holds nothing but a 1.
        options: dict[str, Any] = {"use_bias": not is_static}
        options["l2"] = 0.0 if is_static else dense_options.get("l2", 0.0)
        # Beyond gamma / 2, the step is flat: z that started there would never move.
        start = uniform(gamma / 100)
        self.hidden = ParallelMLP(num, () if is_static else units, **dense_options)
        self.selectors = ParallelDense(
            num,
            num_selected * self.num_bits,
            initializer=start,
            bias_initializer=start,
            **options,
        )
        self.mixture = ParallelDense(
            num, num_selected, initializer=uniform(0.05), **options
        )

    def build(self, input_shape: Shape) -> None:
        input_shape = input_shape if self.reads_rows else (1, 1)
        self.hidden.build(input_shape)
        hidden_shape = self.hidden.compute_output_shape(input_shape)
        self.selectors.build(hidden_shape)
        self.mixture.build(hidden_shape)

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        hidden = self.hidden(x if self.reads_rows else ops.ones((1, 1)))
        z = ops.cast(self.selectors(hidden), "float32")  # (num, B or 1, k * bits)
        w = ops.cast(self.mixture(hidden), "float32")  # (num, B or 1, k)
        r = self.selected_experts(z)  # (num, B or 1, k, E)
        if training:
            self.add_penalties(r)
        # Keras warns about a softmax over one value.
        shares = ops.softmax(w) if self.num_selected > 1 else ops.exp(w - w)
        weights = ops.sum(shares[..., None] * r, axis=2)
        if not self.reads_rows:
            shape = (weights.shape[0], ops.shape(x)[-2], self.num_experts)
            weights = ops.broadcast_to(weights, shape)
        return ops.cast(weights, self.compute_dtype)

    def selected_experts(self, z: Tensor) -> Tensor:
        """Returns r: how much each selector selects each expert, `(num, B, k, E)`.

        Args:
            z: the bits of all selectors before the step, `(num, B, k * bits)`.
        """
        z = ops.reshape(z, (z.shape[0], -1, self.num_selected, self.num_bits))
        z = ops.clip(z / self.gamma, -0.5, 0.5)
        bits = -2 * z**3 + 1.5 * z + 0.5  # S(z)
        codes = np.arange(self.num_experts)[:, None] >> np.arange(self.num_bits) & 1
        selected: Tensor = 1.0
        for b in range(self.num_bits):
            bit = bits[..., b : b + 1]  # (num, B, k, 1)
            selected *= ops.where(codes[:, b] == 1, bit, 1 - bit)
        return selected

    def add_penalties(self, r: Tensor) -> None:
        """Adds the penalties of each row, or of the one row of static gates."""
        penalty = -self.entropy * ops.sum(r * ops.log(r + EPSILON), axis=(0, 2, 3))
        if self.num_experts < 2**self.num_bits:
            sums = ops.maximum(ops.sum(r, axis=3), LEAST_SUM)
            penalty += ops.sum(1 / sums, axis=(0, 2))
        self.add_loss(penalty if self.reads_rows else penalty[0])

    def parts(self) -> dict[str, Any]:
        return {
            "": self.hidden,
            "selectors.": self.selectors,
            "mixture.": self.mixture,
        }
