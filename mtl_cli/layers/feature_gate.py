"""The feature gates of HoME: a factor between 0 and 2 for each unit of an input."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from mtl_cli.core.owners import HIDDEN
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import ParallelDense
from mtl_cli.layers.register import Shape, register
from mtl_cli.layers.routing import Route, Routing, experts_of


@register
class FeatureGate(Routing):
    """Computes `num` gates side by side, each with a factor for each unit of its input.

    Gate g computes the factors

        sum_l softmax(W_g x)_l 2 sigmoid(A_gl B_gl x)

    The sum has one term l for each entry of `ranks`. B_gl is a matrix with `ranks[l]`
    rows, and A_gl a matrix with `ranks[l]` columns. Multiply the input by the factors
    to apply the gate.
    The paper writes FeaGate for the sum, and LoRA_l(x) for 2 sigmoid(A_gl B_gl x).

    Args:
        num: number of gates.
        units: number of units of the input.
        ranks: the rank of each product A_gl B_gl.
        l2: strength of the L2 penalty on all kernels, 0 for none.
        initializer: name of a Keras initializer, drawn anew for every matrix.
        owners: the owner of each gate, as in `Route`; None if no gate has an owner.

    Input shape: `(batch, units)`, or `(num, batch, units)` if each gate reads an input
        of its own.
    Output shape: `(num, batch, units)`, between 0 and 2.

    Reference: Wang et al., "HoME", KDD 2025, see `models/home.py`.
    """

    weights_are_shares: ClassVar[bool] = False
    only_scales = True
    reports_owners = True

    def __init__(
        self,
        num: int,
        units: int,
        ranks: Sequence[int],
        l2: float = 0.0,
        initializer: str = "glorot_uniform",
        owners: Sequence[int | str | None] | None = None,
        **kwargs: Any,
    ) -> None:
        scaled_units = experts_of(HIDDEN, units)
        routes = [Route(owner, scaled_units) for owner in owners or [None] * num]
        super().__init__(routes, **kwargs)
        self.initializer = initializer
        options: Any = {"use_bias": False, "l2": l2, "dtype": self.dtype_policy}
        # The kernels W_g, B_g1, B_g2, ... lie side by side in one kernel, `down`, so
        # that one product reads x. `widths` are the widths of these kernels.
        self.widths = [len(ranks), *ranks]
        self.down = ParallelDense(
            num, sum(self.widths), initializer=self.draw_down, **options
        )
        self.variables_by_expert = tuple(f"up_{i}.kernel" for i in range(len(ranks)))
        self.up = [  # A_gl
            ParallelDense(num, units, initializer=initializer, **options) for _ in ranks
        ]

    def draw_down(self, shape: Shape, dtype: str | None = None) -> Tensor:
        """Draws W_g, B_g1, B_g2, ... of one gate, each by its own shape."""
        units, _ = shape
        kernels = [  # an initializer that is called twice draws the same values
            keras.initializers.get(self.initializer)((units, width), dtype)
            for width in self.widths
        ]
        return ops.concatenate(kernels, axis=1)

    def build(self, input_shape: Shape) -> None:
        self.down.build(input_shape)
        ranks = self.widths[1:]
        for up, rank in zip(self.up, ranks, strict=True):
            up.build((self.down.num, input_shape[-2], rank))

    def call(self, x: Tensor) -> Tensor:
        split_points = np.cumsum(self.widths)[:-1].tolist()
        # W_g x, (num, batch, len(ranks)), and each B_gl x, (num, batch, ranks[l])
        logits, *products = ops.split(self.down(x), split_points, axis=-1)
        # `keras.ops.softmax` would warn about a single product.
        weights = tf.nn.softmax(logits)
        terms = [
            2 * weights[..., i : i + 1] * ops.sigmoid(up(product))
            for i, (up, product) in enumerate(zip(self.up, products, strict=True))
        ]
        return reduce(add, terms)

    def parts(self) -> dict[str, Any]:
        up = {f"up_{i}.": dense for i, dense in enumerate(self.up)}
        return {"down.": self.down, **up}

    def input_parts(self) -> list[Any]:
        return [self.down]  # the layers `up` read the products B_gl x instead
