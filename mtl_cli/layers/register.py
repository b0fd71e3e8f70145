"""The type of shapes and the decorator `register`, for all layers."""

from typing import Any

import keras

Shape = tuple[Any, ...]  # one length per axis; None if the length is not known
# Keras can load a saved layer only if the layer's class is registered.
register = keras.saving.register_keras_serializable(package="mtl_cli")
