"""The attention of DIN: pools a sequence by how relevant each value is to a target."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import ParallelMLP
from mtl_cli.layers.register import Shape, register


@register
class TargetAttention(keras.layers.Layer):
    """Pools the vectors of a sequence by how relevant each vector is to a target.

    For the vectors e_1, ..., e_H of a sequence, such as the items that a user has
    clicked, and the vector t of a target, such as the item of the row, the layer
    computes

        v(t) = sum_j a(e_j, t) e_j
        a(e, t) = mlp([e; t; e * t])

    e * t is the product of each pair of entries. mlp has hidden layers of the widths
    `units` with relu, and one output. The weights a are not divided by their sum, so
    that many relevant vectors count more than one.

    Args:
        units: widths of the hidden layers of mlp.
        num_sets: number of sets of vectors. Each set has an mlp of its own.
        **kwargs: `l2` and `initializer` of mlp, see `ParallelMLP`; and the arguments of
            a Keras layer.

    Input shape: the vectors of a sequence, `(num_sets, batch, length, dim)`; the
        targets, `(num_sets, batch, 1, dim)`; and a factor for each weight a, `(batch,
        length)`. The factors after the end of a short sequence are 0.
    Output shape: `(num_sets, batch, 1, dim)`.

    Reference: Zhou et al., "Deep Interest Network for Click-Through Rate Prediction",
        KDD 2018, equation 3 and figure 2.
        Differs from the paper in: the activation is relu, not PReLU or Dice. DeepCTR's
        layer also reads e - t; here the first layer of mlp can compute e - t itself.
    """

    def __init__(
        self, units: Sequence[int] = (36,), num_sets: int = 1, **kwargs: Any
    ) -> None:
        options = {k: kwargs.pop(k) for k in ("l2", "initializer") if k in kwargs}
        super().__init__(**kwargs)
        activations = ["relu"] * len(units) + ["linear"]
        self.mlp = ParallelMLP(
            num_sets, [*units, 1], activations, dtype=self.dtype_policy, **options
        )

    def build(self, values_shape: Shape, *_: Shape) -> None:
        num_sets, _, _, dim = values_shape
        self.mlp.build((num_sets, None, 3 * dim))

    def call(self, values: Tensor, targets: Tensor, factors: Tensor) -> Tensor:
        num_sets, _, length, dim = values.shape
        # The target stands beside each value of its row.
        targets = ops.broadcast_to(targets, ops.shape(values))
        pairs = ops.concatenate([values, targets, values * targets], axis=-1)
        weights = self.mlp(ops.reshape(pairs, (num_sets, -1, 3 * dim)))
        weights = ops.reshape(weights, (num_sets, -1, length, 1))
        factors = ops.cast(factors, self.compute_dtype)[None, :, :, None]
        return ops.sum(values * weights * factors, axis=2, keepdims=True)

    def compute_output_shape(self, values_shape: Shape, *_: Shape) -> Shape:
        num_sets, batch, _, dim = values_shape
        return (num_sets, batch, 1, dim)
