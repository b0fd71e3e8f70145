"""Star topology: dense layers whose shared weights are multiplied by each scenario."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import ParallelDense, layers_after_dense
from mtl_cli.layers.register import Shape, register


@register
class StarDense(keras.layers.Layer):
    """Computes `num` dense layers side by side, each with factors of every scenario.

    Layer i computes `y_i = x_i (W_i * W_is) + b_i + b_is` for a row of scenario s,
    where * is the element-wise product. W_i and b_i are shared by all scenarios; W_is
    and b_is belong to scenario s. All W_is start at 1 and all b_is at 0, so that all
    scenarios start as one network. The paper calls s a domain p, and writes W_p* for
    W_i * W_is and b_p* for b_i + b_is. Call the layer as `StarDense(...)(x, scenario)`.

    A batch has rows of several scenarios. The layer computes every row with the weights
    of every scenario and keeps the result of the row's scenario, so its cost grows with
    the number of scenarios. A kernel for each row would need `batch` times the memory.

    Args:
        num: number of layers.
        units: width of each layer.
        l2: strength of the L2 penalty on the shared kernels W_i, 0 for none.
        initializer: name of a Keras initializer of W_i, drawn anew for every layer.

    Input shape: x `(batch, dim)`, or `(num, batch, dim)` if each layer reads an input
        of its own; and the weight of each scenario in each row, `(batch, scenarios)`: 1
        for the scenario of the row, or equal weights if it is unknown.
    Output shape: `(num, batch, units)`.

    Example:
        >>> x, scenario = keras.random.normal((5, 7)), ops.one_hot([0, 1, 1, 0, 2], 3)
        >>> StarDense(num=2, units=4)(x, scenario).shape
        TensorShape([2, 5, 4])

    Reference: Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender
        for Multi-Domain CTR Prediction", CIKM 2021, section 3.4.
    """

    # Between two runs, `start_from` copies the layer's weights only if the columns of
    # the features are the same in both.
    reads_columns: ClassVar[bool] = True

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
        self.shared = ParallelDense(
            num, units, l2=l2, initializer=initializer, dtype=self.dtype_policy
        )

    def build(self, x_shape: Shape, scenario_shape: Shape) -> None:
        self.shared.build(x_shape)
        scenarios, dim = scenario_shape[-1], x_shape[-1]
        self.scenario_kernel = self.add_weight(
            name="scenario_kernel",
            shape=(self.num, scenarios, dim, self.units),
            initializer="ones",
        )
        self.scenario_bias = self.add_weight(
            name="scenario_bias",
            shape=(self.num, scenarios, 1, self.units),
            initializer="zeros",
        )

    def call(self, x: Tensor, scenario: Tensor) -> Tensor:
        if len(x.shape) == 2:
            x = x[None]
        # W_i * W_is, (num, scenarios, dim, units)
        kernels = self.shared.kernels[:, None] * self.scenario_kernel
        y = ops.matmul(x[:, None], kernels)  # (num, scenarios, batch, units)
        y = y + self.shared.bias[:, None] + self.scenario_bias
        return select_scenario(y, scenario)

    def compute_output_shape(self, x_shape: Shape, scenario_shape: Shape) -> Shape:
        return (self.num, x_shape[-2], self.units)

    def parts(self) -> dict[str, Any]:
        """Returns the layers and variables that hold the weights.

        See `Routing.parts`.
        """
        return {
            "": self.shared,
            "scenario_kernel": self.scenario_kernel,
            "scenario_bias": self.scenario_bias,
        }


@register
class StarMLP(keras.layers.Layer):
    """Computes `num` multi-layer perceptrons of `StarDense` layers side by side.

    See `ParallelMLP` for the arguments and for the steps after each dense layer. Call
    the layer as `StarMLP(...)(x, scenario)`.

    Input shape: see `StarDense`.
    Output shape: `(num, batch, units[-1])`.

    Example:
        >>> x, scenario = keras.random.normal((5, 7)), ops.one_hot([0, 1, 1, 0, 2], 3)
        >>> StarMLP(num=2, units=(16, 4))(x, scenario).shape
        TensorShape([2, 5, 4])
    """

    reads_columns: ClassVar[bool] = True

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
        self.num, self.units = num, tuple(units)
        stack: list[keras.layers.Layer] = []
        for width in self.units:
            stack.append(StarDense(num, width, l2, initializer))
            stack += layers_after_dense(activation, dropout, batch_norm)
        self.stack = stack

    def build(self, x_shape: Shape, scenario_shape: Shape) -> None:
        for layer in self.stack:
            if isinstance(layer, StarDense):
                layer.build(x_shape, scenario_shape)
                x_shape = layer.compute_output_shape(x_shape, scenario_shape)
            else:
                layer.build(x_shape)

    def call(self, x: Tensor, scenario: Tensor) -> Tensor:
        for layer in self.stack:
            x = layer(x, scenario) if isinstance(layer, StarDense) else layer(x)
        return x

    def compute_output_shape(self, x_shape: Shape, scenario_shape: Shape) -> Shape:
        return (self.num, x_shape[-2], self.units[-1])


def select_scenario(x: Tensor, scenario: Tensor) -> Tensor:
    """Selects the vector of each row's scenario.

    A row of an unknown scenario gets the mean over all scenarios.

    Args:
        x: a vector for each scenario and row, `(..., scenarios, batch, units)`.
        scenario: the weight of each scenario in each row, `(batch, scenarios)`.

    Returns: `(..., batch, units)`.
    """
    weights = ops.transpose(scenario)[..., None]  # (scenarios, batch, 1)
    return ops.sum(x * weights, axis=-3)
