"""The type of tensors in signatures."""

from typing import Any

# A tensor of Keras or TensorFlow. Neither library has types that a checker can use.
Tensor = Any
