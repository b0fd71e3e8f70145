"""The only door to DeepCTR: its interaction layers, without its side effects."""

import contextlib
import importlib.util
import io
import sys
from types import ModuleType
from typing import Any

from mtl_cli.core.tensors import Tensor


def load() -> ModuleType:
    """Imports `deepctr.layers`, without running the `__init__` of `deepctr`.

    That `__init__` only starts a thread, which asks the package index for a newer
    version and prints a line where it cannot. DeepCTR has no setting against it.
    """
    if "deepctr" not in sys.modules:
        spec = importlib.util.find_spec("deepctr")
        if spec is None:
            raise ModuleNotFoundError("No module named 'deepctr'", name="deepctr")
        sys.modules["deepctr"] = importlib.util.module_from_spec(spec)
    return importlib.import_module("deepctr.layers")


def connect(name: str, x: Tensor, **options: Any) -> Tensor:
    """Applies a new DeepCTR layer to a tensor, and draws its kernels anew.

    DeepCTR seeds its kernels by constants, whatever the run's seed, so that some layers
    of equal shape would start equal.

    Args:
        name: name of the layer's class in `deepctr.layers`.
        x: input tensor of the layer.
        **options: arguments of the layer, as DeepCTR names them.
    """
    import keras

    with contextlib.redirect_stdout(io.StringIO()):  # CrossNet prints its settings
        layer = getattr(load(), name)(**options)
        y = layer(x)
    for weight in layer.trainable_weights:
        if "bias" not in weight.name:
            draw = keras.initializers.GlorotNormal()
            weight.assign(draw(tuple(weight.shape), weight.dtype))
    return y
