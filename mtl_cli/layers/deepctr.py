"""Uses DeepCTR's interaction layers without the side effects of `import deepctr`."""

import contextlib
import importlib.util
import io
import sys
from types import ModuleType
from typing import Any

from mtl_cli.core.tensors import Tensor


def import_layers() -> ModuleType:
    """Imports `deepctr.layers` without running `deepctr/__init__.py`.

    `deepctr/__init__.py` only starts a thread that asks the package index for a newer
    version. DeepCTR has no setting that switches the thread off.
    """
    if "deepctr" not in sys.modules and (spec := importlib.util.find_spec("deepctr")):
        # Python runs no `__init__.py` of a package that is in `sys.modules` already.
        sys.modules["deepctr"] = importlib.util.module_from_spec(spec)
    return importlib.import_module("deepctr.layers")


def connect(name: str, x: Tensor, **options: Any) -> Tensor:
    """Applies a new DeepCTR layer to a tensor, and draws the layer's kernels again.

    DeepCTR draws the kernels with constant seeds. Without the second draw, the run's
    seed would have no effect, and layers of one shape would start with equal kernels.
    `name` is the name of the layer's class, and `options` are its arguments.
    """
    import keras

    with contextlib.redirect_stdout(io.StringIO()):  # `CrossNet` prints its settings
        layer = getattr(import_layers(), name)(**options)
        y = layer(x)
    for weight in layer.trainable_weights:
        if "bias" not in weight.name:  # biases start at 0, without a draw
            initializer = keras.initializers.GlorotNormal()
            weight.assign(initializer(tuple(weight.shape), weight.dtype))
    return y
