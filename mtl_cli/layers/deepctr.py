"""The only door to DeepCTR: its interaction layers, without its side effects."""

import contextlib
import io
import threading
from typing import Any
from unittest import mock


def load() -> Any:
    """Imports `deepctr.layers`.

    DeepCTR starts a thread on import that asks the package index for a newer version
    and prints a line where it cannot; here that thread never starts.
    """
    with mock.patch.object(threading.Thread, "start"):
        import deepctr.layers

    return deepctr.layers


def connect(name: str, x: Any, **options: Any) -> Any:
    """Applies a new DeepCTR layer to a tensor, with random values of its own.

    DeepCTR seeds by constants of its own, so that some layers of equal shape start
    equal (its DNN), whatever the run's seed; the kernels are drawn again from it.

    Args:
        name: of the layer in `deepctr.layers`.
        x: its input.
        options: its arguments, in DeepCTR's words.
    """
    import keras

    with contextlib.redirect_stdout(io.StringIO()):  # CrossNet prints what it is
        layer = getattr(load(), name)(**options)
        y = layer(x)
    for weight in layer.trainable_weights:
        if "bias" not in weight.name:
            draw = keras.initializers.GlorotNormal()
            weight.assign(draw(tuple(weight.shape), weight.dtype))
    return y
