"""Lets mtl-cli use TensorFlow in a caller's process, and then restores its settings."""

import contextlib
import logging
import os
import random
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def unchanged_process() -> Iterator[None]:
    """Imports TensorFlow, and restores the settings of the process after the block.

    These settings are restored: the environment variables, the dtype policy of Keras,
    the states of Python's and NumPy's random number generators, and the log levels of
    TensorFlow. If the caller has imported Keras already, the imported Keras and
    TensorFlow are used as they are.
    """
    import numpy as np

    from mtl_cli.core import tensorflow_runtime

    environment = dict(os.environ)
    try:
        if "keras" not in sys.modules:
            import absl.logging

            verbosity = absl.logging.get_verbosity()
            logger = logging.getLogger("tensorflow")
            level = logger.level
            tensorflow_runtime.load(is_own_process=False)
            absl.logging.set_verbosity(verbosity)
            logger.setLevel(level)
        import keras

        policy = keras.config.dtype_policy()
        python_state, numpy_state = random.getstate(), np.random.get_state()
        try:
            yield
        finally:
            keras.config.set_dtype_policy(policy)
            random.setstate(python_state)
            np.random.set_state(numpy_state)
    finally:
        # Other threads may be reading the environment, so it is never empty.
        for name in os.environ.keys() - environment.keys():
            os.environ.pop(name, None)
        for name, value in environment.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
