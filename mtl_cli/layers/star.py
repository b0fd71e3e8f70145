"""Star topology: dense layers whose shared weights are adapted to each scenario."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import ParallelDense, layers_after_dense
from mtl_cli.layers.register import Shape, register


@register
class StarDense(keras.layers.Layer):
    """Computes `num` dense layers side by side, each with a kernel for every scenario.

    For a row of scenario s, layer i computes

        y_i = x_i (W_i * W_{i,s}) + b_i + b_{i,s}

    where * is the element-wise product. All scenarios share W_i and b_i; W_{i,s} and
    b_{i,s} belong to scenario s. Every W_{i,s} starts at 1 and every b_{i,s} at 0. The
    paper calls s a domain p, and writes W_p^* for W_i * W_{i,s}, and b_p^* for the sum
    of the biases.

    Call the layer as `StarDense(...)(x, scenario_weights)`. The layer computes every
    row with the kernels of all scenarios, so the cost grows with their number.

    Args:
        num, units: number of layers, and the width of each.
        l2, initializer: of the shared kernels W_i, see `ParallelDense`.

    Input shape: x `(batch, dim)`, or `(num, batch, dim)` if each layer reads an input
        of its own; and the weight of each scenario in each row, `(batch, scenarios)`: 1
        for the scenario of the row, or equal weights if it is unknown.
    Output shape: `(num, batch, units)`.

    Example:
        >>> x = keras.random.normal((5, 7))
        >>> scenario_weights = ops.one_hot([0, 1, 1, 0, 2], 3)
        >>> StarDense(num=2, units=4)(x, scenario_weights).shape
        TensorShape([2, 5, 4])

    Reference: Sheng et al., CIKM 2021, section 3.4, see `models/star.py`.
    """

    def __init__(
        self,
        num: int,
        units: int,
        l2: float = 0.0,
        initializer: str = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num, self.units = num, units
        # W_i and b_i
        self.shared = ParallelDense(
            num, units, l2=l2, initializer=initializer, dtype=self.dtype_policy
        )

    def build(self, x_shape: Shape, scenario_weights_shape: Shape) -> None:
        self.shared.build(x_shape)
        # `start_from` copies the entries of each scenario, along `scenario_axis`.
        num_scenarios, dim = scenario_weights_shape[-1], x_shape[-1]
        self.scenario_kernel = self.add_weight(  # W_{i,s}
            name="scenario_kernel",
            shape=(self.num, num_scenarios, dim, self.units),
            initializer="ones",
        )
        self.scenario_kernel.scenario_axis = 1
        self.scenario_bias = self.add_weight(  # b_{i,s}
            name="scenario_bias",
            shape=(self.num, num_scenarios, 1, self.units),
            initializer="zeros",
        )
        self.scenario_bias.scenario_axis = 1

    def scale_rows(self, features: Sequence[str]) -> None:
        """Multiplies the rows of the kernels by factors, see `ParallelDense`."""
        self.shared.scale_rows(features)

    @property
    def bias(self) -> Tensor:
        """The biases b_i that all scenarios share, `(num, 1, units)`."""
        return self.shared.bias

    def call(self, x: Tensor, scenario_weights: Tensor) -> Tensor:
        if len(x.shape) == 2:
            x = x[None]  # (1, batch, dim)
        # W_i * W_{i,s}, (num, scenarios, dim, units)
        kernels = self.shared.kernels[:, None] * self.scenario_kernel
        y = ops.matmul(x[:, None], kernels)  # (num, scenarios, batch, units)
        y = y + self.shared.bias[:, None] + self.scenario_bias
        return mean_over_scenarios(y, scenario_weights)

    def compute_output_shape(
        self, x_shape: Shape, scenario_weights_shape: Shape
    ) -> Shape:
        return (self.num, x_shape[-2], self.units)

    def parts(self) -> dict[str, Any]:
        """Returns the layers and variables that are trained; see `Routing.parts`."""
        return {
            "": self.shared,  # its variables are named `kernel` and `bias`
            "scenario_kernel": self.scenario_kernel,
            "scenario_bias": self.scenario_bias,
        }


@register
class StarMLP(keras.layers.Layer):
    """Computes `num` multi-layer perceptrons of `StarDense` layers side by side.

    See `ParallelMLP` for the arguments and for the steps after each dense layer.
    `units` must not be empty. Call the layer as `StarMLP(...)(x, scenario_weights)`.

    Input shape: see `StarDense`.
    Output shape: `(num, batch, units[-1])`.
    """

    def __init__(
        self,
        num: int,
        units: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        l2: float = 0.0,
        initializer: str = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num = num
        self.units = tuple(units)
        stack: list[keras.layers.Layer] = []
        for width in self.units:
            policy = self.dtype_policy
            stack.append(StarDense(num, width, l2, initializer, dtype=policy))
            stack += layers_after_dense(activation, dropout, batch_norm, dtype=policy)
        self.stack = stack

    def build(self, x_shape: Shape, scenario_weights_shape: Shape) -> None:
        for layer in self.stack:
            if isinstance(layer, StarDense):
                layer.build(x_shape, scenario_weights_shape)
                x_shape = layer.compute_output_shape(x_shape, scenario_weights_shape)
            else:
                layer.build(x_shape)

    def call(self, x: Tensor, scenario_weights: Tensor) -> Tensor:
        for layer in self.stack:
            is_star = isinstance(layer, StarDense)
            x = layer(x, scenario_weights) if is_star else layer(x)
        return x


def mean_over_scenarios(x: Tensor, scenario_weights: Tensor) -> Tensor:
    """Returns the weighted mean over the scenarios of the vectors of each row.

    x is `(..., scenarios, batch, units)`, and the result `(..., batch, units)`.
    """
    weights = ops.transpose(scenario_weights)[..., None]  # (scenarios, batch, 1)
    return ops.sum(x * weights, axis=-3)
