"""Registers layers with Keras."""

from typing import Any

import keras

Shape = tuple[Any, ...]
# Keras can load a saved layer only if the layer's class is registered.
register = keras.saving.register_keras_serializable(package="mtl_cli")
