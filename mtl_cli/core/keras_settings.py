"""The settings that Keras reads from the user's file `keras.json`."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

# Other programs share the file `keras.json`, and a setting in it would change the
# numbers of a run. Therefore mtl-cli sets Keras' defaults.
KERAS_DEFAULTS = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
}


def set_keras_settings(settings: Mapping[str, Any] = KERAS_DEFAULTS) -> None:
    import keras

    for name, value in settings.items():
        getattr(keras.config, f"set_{name}")(value)


@contextlib.contextmanager
def default_keras_settings() -> Iterator[None]:
    """Sets `KERAS_DEFAULTS`, and restores settings and dtype policy after the block."""
    import keras

    policy = keras.config.dtype_policy()
    settings = {name: getattr(keras.config, name)() for name in KERAS_DEFAULTS}
    set_keras_settings()
    try:
        yield
    finally:
        set_keras_settings(settings)
        keras.config.set_dtype_policy(policy)
