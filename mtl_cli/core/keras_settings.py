"""The settings that Keras reads from the user's file `keras.json`."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

# Keras reads these settings from the user's file `keras.json`. Other programs share the
# file, and a setting in it would change the numbers of a run. Therefore mtl-cli sets
# Keras' defaults.
KERAS_DEFAULTS: Any = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
}
# The errors that Keras raises if it cannot use `keras.json`.
KERAS_JSON_ERRORS = (
    AttributeError,
    TypeError,
    ValueError,
    IsADirectoryError,
    PermissionError,
)


def keras_json() -> str:
    """Returns the path of `keras.json`, the file from which Keras reads settings."""
    home = os.path.expanduser("~")
    if not os.access(home, os.W_OK):  # as Keras does
        home = "/tmp"
    return os.path.join(os.environ.get("KERAS_HOME", f"{home}/.keras"), "keras.json")


def set_keras_settings(floatx: str, epsilon: float, image_data_format: str) -> None:
    """Sets the settings that Keras reads from `keras.json`."""
    import keras

    keras.config.set_floatx(floatx)
    keras.config.set_epsilon(epsilon)
    keras.config.set_image_data_format(image_data_format)


@contextlib.contextmanager
def default_keras_settings() -> Iterator[None]:
    """Sets `KERAS_DEFAULTS`, and restores settings and dtype policy after the block."""
    import keras

    policy = keras.config.dtype_policy()
    settings = {name: getattr(keras.config, name)() for name in KERAS_DEFAULTS}
    set_keras_settings(**KERAS_DEFAULTS)
    try:
        yield
    finally:
        set_keras_settings(**settings)
        keras.config.set_dtype_policy(policy)
