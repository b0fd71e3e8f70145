"""Normalises the units of several networks at once, such as experts."""

from functools import partial
from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register


@register
class ParallelBatchNorm(keras.layers.Layer):
    """Normalises each unit of each network over the batch, then scales and shifts it.

        y = gamma (x - mean(x)) / sqrt(var(x) + epsilon) + beta

    Each unit of each network has a gamma and a beta of its own. Outside of training,
    mean(x) and var(x) are moving averages over the batches.

    Args:
        momentum: weight of the old value when a step updates a moving average. In the
            first 1 / (1 - momentum) steps, the average is a plain mean of all batches.
        epsilon: number added to variances.

    Input and output shape: `(num, batch, units)`.

    Reference: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network
        Training by Reducing Internal Covariate Shift", ICML 2015.
    """

    def __init__(
        self, momentum: float = 0.99, epsilon: float = 1e-3, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, input_shape: Shape) -> None:
        num, _, units = input_shape
        shape = (num, 1, units)
        # With a policy such as float16, the weights are float32 as the numbers of
        # `call` are. A float16 could not count more than 2,048 steps.
        dtype = keras.backend.result_type(self.variable_dtype, "float32")
        weight = partial(self.add_weight, dtype=dtype, autocast=False)
        self.gamma = weight(shape, "ones", name="gamma")
        self.beta = weight(shape, "zeros", name="beta")
        statistic = partial(weight, trainable=False)
        self.moving_mean = statistic(shape, "zeros", name="moving_mean")
        self.moving_variance = statistic(shape, "ones", name="moving_variance")
        # The number of steps that have updated the averages of each network.
        self.moving_steps = statistic((num, 1, 1), "zeros", name="moving_steps")

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        y = at_least_float32(x)
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training and self.trainable:
            mean, variance = self.update_statistics(y)
        # Not rsqrt: ONNX lacks it, and an export must round as the network does.
        y = (y - mean) * (self.gamma / ops.sqrt(variance + self.epsilon)) + self.beta
        return ops.cast(y, x.dtype)

    def update_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the mean and variance of a batch, and updates the moving averages."""
        mean = ops.mean(x, axis=1, keepdims=True)
        # The derivative of the variance with respect to the mean is 0, so no gradient
        # need pass through the mean.
        centred = x - ops.stop_gradient(mean)
        variance = ops.mean(ops.square(centred), axis=1, keepdims=True)
        # The weight of the batch in the moving averages. It is 1 in the first step,
        # because the initial values are not statistics of any rows.
        weight = ops.maximum(1 - self.momentum, 1 / (1 + self.moving_steps))
        self.moving_steps.assign(self.moving_steps + 1)
        update_average(self.moving_mean, mean, weight)
        update_average(self.moving_variance, variance, weight)
        return mean, variance

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@register
class ParallelLayerNorm(keras.layers.Layer):
    """Normalises the units of each network and row, then scales and shifts each unit.

        y = gamma (x - mean(x)) / sqrt(var(x) + epsilon) + beta

    The mean and the variance are taken over the units. Each unit of each network has a
    gamma and a beta of its own.

    Input and output shape: `(num, batch, units)`.

    Reference: Ba et al., "Layer Normalization", 2016.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        num, _, units = input_shape
        shape = (num, 1, units)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")

    def call(self, x: Tensor) -> Tensor:
        y = at_least_float32(x)
        y -= ops.mean(y, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(y), axis=-1, keepdims=True)
        # As in `ParallelBatchNorm`: sqrt, not rsqrt.
        y /= ops.sqrt(variance + self.epsilon)
        return self.gamma * ops.cast(y, x.dtype) + self.beta

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def at_least_float32(x: Tensor) -> Tensor:
    """Returns x as float32, or as it is if it has more bits.

    bfloat16 has too few bits for sums of squares and steps of moving averages.
    """
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


def update_average(average: Any, batch_value: Tensor, step: Tensor) -> Tensor:
    """Moves a variable by the fraction `step` of its distance to the batch's value."""
    updated = average + step * (batch_value - average)
    average.assign(updated)
    return updated
