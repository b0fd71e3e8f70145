"""Factors that multiply inputs, and that training moves faster than other weights."""

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor

FACTOR_SPEED = 10  # a factor moves this many times as far as an entry of a kernel


def fast_factors(weight: keras.Variable) -> Tensor:
    """Returns the factors `FACTOR_SPEED * weight`.

    The gradient of a factor reaches the weight unscaled. So every optimizer moves the
    factor `FACTOR_SPEED` times as far as an entry of a kernel with the same gradient.
    """
    x = ops.convert_to_tensor(weight)
    zero = x - ops.stop_gradient(x)  # has the gradient of x
    return ops.stop_gradient(FACTOR_SPEED * x) + zero
