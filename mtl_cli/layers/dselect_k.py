"""The gates of DSelect-k: each gate learns which few experts to select."""

import math
from collections.abc import Sequence
from functools import reduce
from operator import mul
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import ParallelDense, ParallelMLP, pop_dense_options
from mtl_cli.layers.register import Shape, register
from mtl_cli.layers.routing import Route, Routing, routes_to_shared

# Constants of the penalties of `DSelectKGates`.
EPSILON = 1e-6  # added inside the logarithm of the entropy, as in the authors' code
# At 1, as in the authors' code, the penalty on codes that belong to no expert moves the
# bits faster than the tasks do, and towards the code of the first expert. There the
# smooth step is flat, so all gates stay with this expert for ever.
INVALID_CODE_STRENGTH = 0.01
MIN_DIVISOR = 1e-3  # keeps the same penalty finite


def uniform(limit: float) -> dict[str, Any]:
    """Returns the configuration of an initializer: uniform in [-limit, limit]."""
    config = {"minval": -limit, "maxval": limit}
    return {"class_name": "RandomUniform", "config": config}


@register
class DSelectKGates(Routing):
    """Computes gates that give weight to `num_selected` experts at most, once trained.

    The E experts have the indices i = 0 ... E - 1. The code of an expert is its index
    in binary, with m = ceil(log2 E) bits. A gate has k = `num_selected` selectors, and
    each selector j chooses an expert by its code. For each bit b of the code, the
    selector has a value z_jb. The smooth step S turns the value into a bit:

        S(z) = 0                                              for z <= -gamma/2
        S(z) = -2 z^3 / gamma^3 + 3 z / (2 gamma) + 1/2       for |z| < gamma/2
        S(z) = 1                                              for z >= gamma/2
        r_ji = prod_b (S(z_jb) if bit b of code i is 1, else 1 - S(z_jb))
        q_i  = sum_j softmax(w)_j r_ji                        the weight of expert i

    z and w are the outputs of dense layers that read the gate's input, or, in static
    gates, trained values. The paper writes n for E, alpha for w, z^(j) for z_j, and
    r(z^(j))_i for r_ji.

    In training, the layer adds two penalties:

        entropy * sum_j sum_i -r_ji log(r_ji)
        0.01 sum_j 1 / sum_i r_ji

    The first, an entropy, makes each selector choose a single expert. The second keeps
    the selectors away from codes of E and above, which no expert has. It is left out if
    E is a power of two. Both are summed over the gates, and are means over the rows of
    a batch.

    Args:
        num, num_experts, units, routes: see `Gates`; E is 2 or more.
        num_selected: number of selectors, k; 1 or more.
        gamma: width of the smooth step, above 0.
        entropy: strength of the first penalty, lambda in the paper.
        is_static: whether the weights are the same for all rows.
        adds_row_penalties: whether the layer adds the penalties of each row to its
            losses, `(batch,)`, instead of their mean over the rows. Set it to True only
            for a training loop that takes the mean itself, as `mtl-train` does.
        **kwargs: further arguments of `ParallelMLP`, for the hidden layers, and of a
            Keras layer. `l2` counts for the kernels of the selectors and of w as well.

    Input shape: as of `Gates`. If gates serve only some of the rows, call the layer as
        `DSelectKGates(...)(x, row_weights)`. `row_weights` are the weights of each
        gate's penalties in each row, `(num, batch)`. Static gates ignore them.
    Output shape: `(num, batch, num_experts)`; the last axis sums to 1 if E is a power
        of two.

    Reference: Hazimeh et al., "DSelect-k", NeurIPS 2021, see `gates/dselect_k.py`.
        Differs from the paper in: `entropy` is constant, but grows during training in
        the paper; the second penalty is finite if all r_ji of a selector are 0. Differs
        from the authors' code in: the biases of w start at 0, not at random; the
        penalties are means over the rows, not sums; the strength of the second penalty
        is 0.01, not 1.
    """

    has_row_penalties: ClassVar[bool] = True

    def __init__(
        self,
        num: int,
        num_experts: int,
        units: Sequence[int] = (),
        num_selected: int = 2,
        gamma: float = 1.0,
        entropy: float = 5e-4,
        is_static: bool = False,
        routes: Sequence[Route] | None = None,
        adds_row_penalties: bool = False,
        **kwargs: Any,
    ) -> None:
        dense_options = pop_dense_options(kwargs)
        super().__init__(routes or routes_to_shared(num, num_experts), **kwargs)
        self.num_experts, self.num_selected = num_experts, num_selected
        self.gamma, self.entropy = gamma, entropy
        self.is_static, self.reads_rows = is_static, not is_static
        self.adds_row_penalties = adds_row_penalties
        self.num_bits = math.ceil(math.log2(num_experts))
        dense_options["dtype"] = self.dtype_policy
        # Static gates read a single row that holds only a 1, instead of the input. The
        # kernels are then the values z and w themselves, without biases and `l2`.
        options_of_z_and_w: dict[str, Any] = {
            "use_bias": not is_static,
            "l2": 0.0 if is_static else dense_options.get("l2", 0.0),
            "dtype": self.dtype_policy,
        }
        # The smooth step is flat beyond gamma / 2: a z that started there would stay.
        near_zero = uniform(gamma / 100)
        self.hidden = ParallelMLP(num, units, **dense_options)
        self.selectors = ParallelDense(  # computes z
            num,
            num_selected * self.num_bits,
            initializer=near_zero,
            bias_initializer=near_zero,
            **options_of_z_and_w,
        )
        self.mixture = ParallelDense(  # computes w
            num, num_selected, initializer=uniform(0.05), **options_of_z_and_w
        )

    def build(self, input_shape: Shape) -> None:
        input_shape = (1, 1) if self.is_static else input_shape
        self.hidden.build(input_shape)
        hidden_shape = self.hidden.compute_output_shape(input_shape)
        self.selectors.build(hidden_shape)
        self.mixture.build(hidden_shape)

    def call(
        self, x: Tensor, row_weights: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        hidden = self.hidden(ops.ones((1, 1)) if self.is_static else x)
        # `rows` in the shapes is the size of the batch, or 1 in static gates.
        z = ops.cast(self.selectors(hidden), "float32")  # (num, rows, k * num_bits)
        w = ops.cast(self.mixture(hidden), "float32")  # (num, rows, k)
        r = self.selector_weights(z)  # (num, rows, k, E)
        if training:
            self.add_penalties(r, None if self.is_static else row_weights)
        # `keras.ops.softmax` would warn about a single selector.
        q = ops.sum(tf.nn.softmax(w)[..., None] * r, axis=2)  # (num, rows, E)
        if self.is_static:
            shape = (q.shape[0], ops.shape(x)[-2], self.num_experts)
            q = ops.broadcast_to(q, shape)
        return ops.cast(q, self.compute_dtype)

    def selector_weights(self, z: Tensor) -> Tensor:
        """Returns r, `(num, rows, k, E)`, from z, `(num, rows, k * num_bits)`."""
        # (num, rows, k, num_bits)
        z = ops.reshape(z, (z.shape[0], -1, self.num_selected, self.num_bits))
        z = ops.clip(z / self.gamma, -0.5, 0.5)
        bits = -2 * z**3 + 1.5 * z + 0.5  # S(z)
        # (E, num_bits): row i is the code of expert i, the lowest bit first.
        codes = (np.arange(self.num_experts)[:, None] >> np.arange(self.num_bits)) & 1
        factors = []  # r is their product; one factor (num, rows, k, E) for each bit
        for b in range(self.num_bits):
            bit = bits[..., b : b + 1]  # (num, rows, k, 1)
            factors.append(ops.where(codes[:, b] == 1, bit, 1 - bit))
        return reduce(mul, factors)

    def add_penalties(self, r: Tensor, row_weights: Tensor | None) -> None:
        """Adds both penalties, summed over the gates: their mean over the rows.

        With `adds_row_penalties`, each row has a penalty. Static gates have one row.
        """
        entropy = -ops.sum(r * ops.log(r + EPSILON), axis=(2, 3))  # (num, rows)
        penalties = self.entropy * entropy
        if self.num_experts < 2**self.num_bits:  # some codes belong to no expert
            sums = ops.maximum(ops.sum(r, axis=3), MIN_DIVISOR)
            penalties += INVALID_CODE_STRENGTH * ops.sum(1 / sums, axis=2)
        if row_weights is not None:
            penalties *= ops.cast(row_weights, penalties.dtype)
        penalty = ops.sum(penalties, axis=0)  # (rows,)
        keeps_rows = self.adds_row_penalties and not self.is_static
        self.add_loss(penalty if keeps_rows else ops.mean(penalty))

    def parts(self) -> dict[str, Any]:
        return {"": self.hidden, "selectors.": self.selectors, "mixture.": self.mixture}
