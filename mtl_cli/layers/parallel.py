"""Layers that compute several dense layers or networks at once, such as experts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.fast_factors import FACTOR_SPEED, fast_factors
from mtl_cli.layers.parallel_norms import ParallelBatchNorm, ParallelLayerNorm
from mtl_cli.layers.register import Shape, register

# The arguments of `ParallelMLP` that a configuration sets once for all hidden layers.
DENSE_OPTIONS = ("activation", "dropout", "batch_norm", "l2", "initializer")


def kernel_options(dense_options: Mapping[str, Any]) -> dict[str, Any]:
    """Selects the arguments that a single `ParallelDense` layer can have."""
    names = ("l2", "initializer", "dtype")
    return {k: dense_options[k] for k in names if k in dense_options}


def pop_dense_options(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Removes the `DENSE_OPTIONS` from `kwargs`, and returns them."""
    return {k: kwargs.pop(k) for k in DENSE_OPTIONS if k in kwargs}


@register
class ParallelDense(keras.layers.Layer):
    """Computes `num` dense layers side by side, as one batched matrix product.

    Layer i computes `y_i = x_i kernel_i + bias_i`. If the input is `(batch, dim)`, all
    layers read it. If the input is `(groups, batch, dim)`, the first `num / groups`
    layers read the first group, the next `num / groups` the second, and so on.

    Layers that read the same input share one matrix product. Each layer has its own
    initial draw.

    Args:
        num: number of layers.
        units: width of each layer.
        use_bias: whether each layer adds a bias.
        l2: strength of the L2 penalty on the kernels, 0 for none.
        initializer: name or configuration of a Keras initializer, drawn anew for every
            layer; or a function that draws the kernel of one layer.
        bias_initializer: name or configuration of the biases' Keras initializer.
        owners: the owner of each layer: the index of a task, from 0, or the name of
            another owner; None if the layers have no owners. With `start_from`, each
            layer gets the weights of its owner.
        num_scenarios: number of scenarios for which each owner has layers. An owner's
            layers for the first scenario come first, then those for the second.

    Input shape: `(batch, dim)` or `(groups, batch, dim)`.
    Output shape: `(num, batch, units)`.
    """

    def __init__(
        self,
        num: int,
        units: int,
        use_bias: bool = True,
        l2: float = 0.0,
        initializer: str | dict[str, Any] | Callable[..., Tensor] = "glorot_uniform",
        bias_initializer: str | dict[str, Any] = "zeros",
        owners: Sequence[int | str] | None = None,
        num_scenarios: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num, self.units = num, units
        self.owners, self.num_scenarios = owners, num_scenarios
        self.use_bias, self.l2 = use_bias, l2
        self.initializer, self.bias_initializer = initializer, bias_initializer
        self.feature_factors: keras.Variable | None = None
        self.factor_of_row: Sequence[int] = ()

    def build(self, input_shape: Shape) -> None:
        self.groups = input_shape[0] if len(input_shape) == 3 else 1
        if self.num % self.groups:
            raise ValueError(
                f"num={self.num} layers cannot read {self.groups} inputs evenly."
            )
        # The kernels of all layers that read the same group lie side by side.
        width = self.num // self.groups * self.units
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.groups, input_shape[-1], width),
            initializer=self.draw_kernels,
            regularizer=keras.regularizers.L2(self.l2) if self.l2 else None,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.num, 1, self.units),
                initializer=keras.initializers.get(self.bias_initializer),
            )

    def scale_rows(self, features: Sequence[str]) -> None:
        """Multiplies the rows of each feature in each kernel by a trained factor.

        Each layer has a factor of its own for each feature. The factors start at 1, and
        are `fast_factors` of the weights that are trained.

        Args:
            features: the name of the feature to which each row belongs, (dim,).
        """
        names = list(dict.fromkeys(features))
        self.factor_of_row = [names.index(name) for name in features]
        self._tracker.unlock()  # as Keras does to add the weights of LoRA
        weight = self.add_weight(
            name="feature_factors",
            shape=(self.num, len(names)),
            initializer=keras.initializers.Constant(1 / FACTOR_SPEED),
        )
        weight.features = names  # `network/blocks.py` splits the weight by feature
        self.feature_factors = weight
        self._tracker.lock()

    @property
    def scaled_kernel(self) -> Tensor:
        """The kernel, multiplied by the factors if there are any."""
        if self.feature_factors is None:
            return self.kernel
        factors = fast_factors(self.feature_factors)
        factors = ops.take(factors, self.factor_of_row, axis=1)
        shape = (self.groups, self.num // self.groups, -1)
        factors = ops.transpose(ops.reshape(factors, shape), (0, 2, 1))
        return self.kernel * ops.repeat(factors, self.units, axis=-1)

    def draw_kernels(self, shape: Shape, dtype: str | None = None) -> Tensor:
        """Draws each kernel `(dim, units)` separately: initializers scale by shape."""
        groups, dim, _ = shape
        kernels = [
            keras.initializers.get(self.initializer)((dim, self.units), dtype)
            for _ in range(self.num)
        ]
        kernels = ops.reshape(ops.stack(kernels), (groups, -1, dim, self.units))
        return ops.reshape(ops.transpose(kernels, (0, 2, 1, 3)), shape)

    @property
    def kernels(self) -> Tensor:
        """The kernel of each layer, `(num, dim, units)`."""
        return self.split_by_layer(self.scaled_kernel)

    def split_by_layer(self, x: Tensor) -> Tensor:
        """Splits x, `(groups, n, num / groups * units)`, into `(num, n, units)`."""
        x = ops.reshape(x, (self.groups, -1, self.num // self.groups, self.units))
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (self.num, -1, self.units))

    def call(self, x: Tensor) -> Tensor:
        if len(x.shape) == 2:
            x = x[None]  # (1, batch, dim)
        y = ops.matmul(x, self.scaled_kernel)  # (groups, batch, num / groups * units)
        if self.groups != self.num:
            y = self.split_by_layer(y)
        if self.use_bias:
            y = y + self.bias
        return y  # (num, batch, units)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (self.num, input_shape[-2], self.units)


@register
class ParallelMLP(keras.layers.Layer):
    """Computes `num` multi-layer perceptrons side by side, such as experts or towers.

    Each layer of a network computes
    `dropout(activation(layer_norm(batch_norm(x kernel + bias))))`. Steps that are
    switched off are left out.

    Args:
        num: number of networks.
        units: widths of the layers of each network. If empty, the output is the input.
        activation: name of a Keras activation, or one name for each layer.
        dropout: fraction of the units dropped in training, in [0, 1).
        batch_norm: whether each unit is normalised over the batch: one value for all
            layers, or one for each layer.
        l2: strength of the L2 penalty on the kernels, 0 for none.
        initializer: name of a Keras initializer, drawn anew for every network.
        layer_norm: whether the units of each row are normalised over each layer.
        owners: the owner of each network, see `ParallelDense`.
        num_scenarios: number of scenarios, see `ParallelDense`.

    Input shape: `(batch, dim)` or `(groups, batch, dim)`, see `ParallelDense`.
    Output shape: `(num, batch, units[-1])`, or the input shape if `units` is empty.
    """

    def __init__(
        self,
        num: int,
        units: Sequence[int],
        activation: str | Sequence[str] = "relu",
        dropout: float = 0.0,
        batch_norm: bool | Sequence[bool] = False,
        l2: float = 0.0,
        initializer: str = "glorot_uniform",
        layer_norm: bool = False,
        owners: Sequence[int | str] | None = None,
        num_scenarios: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num, self.owners, self.num_scenarios = num, owners, num_scenarios
        self.units = tuple(units)
        if isinstance(activation, str):
            activation = [activation] * len(self.units)
        if isinstance(batch_norm, bool):
            batch_norm = [batch_norm] * len(self.units)
        stack: list[keras.layers.Layer] = []
        for width, name, norm in zip(self.units, activation, batch_norm, strict=True):
            dense = ParallelDense(
                num, width, l2=l2, initializer=initializer, dtype=self.dtype_policy
            )
            stack.append(dense)
            stack += layers_after_dense(
                name, dropout, norm, layer_norm, dtype=self.dtype_policy
            )
        self.stack = stack

    def build(self, input_shape: Shape) -> None:
        for layer in self.stack:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, x: Tensor) -> Tensor:
        for layer in self.stack:
            x = layer(x)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if not self.units:
            return input_shape
        return (self.num, input_shape[-2], self.units[-1])


def layers_after_dense(
    activation: str,
    dropout: float,
    batch_norm: bool,
    layer_norm: bool = False,
    *,
    dtype: keras.DTypePolicy,
) -> list[keras.layers.Layer]:
    """Makes the layers that follow a single dense layer, see `ParallelMLP`."""
    layers: list[keras.layers.Layer] = []
    if batch_norm:
        layers.append(ParallelBatchNorm(dtype=dtype))
    if layer_norm:
        layers.append(ParallelLayerNorm(dtype=dtype))
    layers.append(keras.layers.Activation(activation, dtype=dtype))
    if dropout:
        layers.append(keras.layers.Dropout(dropout, dtype=dtype))
    return layers
