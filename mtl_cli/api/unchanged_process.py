"""Uses TensorFlow in a caller's process, and then restores the process's settings."""

import contextlib
import logging
import os
import random
import sys
import threading
from collections.abc import Iterator

from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.keras_settings import default_keras_settings

# Without the lock, a thread would save, and later restore, settings that another thread
# has just changed.
_lock = threading.RLock()
# The id of the process that has loaded TensorFlow; None if none has. A forked process
# inherits the id of its parent.
_tensorflow_pid: int | None = None


@contextlib.contextmanager
def unchanged_process() -> Iterator[None]:
    """Imports TensorFlow, and restores the settings of the process after the block.

    If the caller has imported Keras already, the imported Keras and TensorFlow are used
    as they are, apart from `KERAS_DEFAULTS`. Only one thread at a time is inside the
    block. Raises a `ConfigError` if TensorFlow cannot work here.
    """
    global _tensorflow_pid
    # The lock comes after this check: if a thread of the parent held the lock at the
    # fork, the forked process would wait for ever.
    check_fork()
    _tensorflow_pid = os.getpid()
    with _lock, unchanged_settings():
        if "keras" not in sys.modules:
            tensorflow_runtime.load(is_own_process=False)
        tensorflow_runtime.log_only_errors()
        check_tensorflow()
        with default_keras_settings():
            yield


def check_tensorflow() -> None:
    """Raises a `ConfigError` if TensorFlow is loaded, but cannot work here."""
    check_fork()
    import tensorflow as tf

    if not tf.executing_eagerly():
        raise ConfigError(
            "TensorFlow builds a graph here, and does not compute; use the model "
            "outside of tf.Graph and tf.function, and without disable_eager_execution"
        )


def check_fork() -> None:
    """Raises a `ConfigError` in a process forked from one that has loaded TensorFlow.

    The threads of TensorFlow are missing in a forked process, so its operations would
    never end.
    """
    if _tensorflow_pid not in (None, os.getpid()):
        raise ConfigError(
            "TensorFlow does not work in this process, which was forked after a model "
            "was loaded; load models only after the fork, or start processes by "
            "'spawn'"
        )


@contextlib.contextmanager
def unchanged_settings() -> Iterator[None]:
    """Restores random states, log levels and environment variables after the block.

    The import of TensorFlow draws random numbers, so the block may contain the import.
    """
    environment = dict(os.environ)
    python_state = random.getstate()
    import absl.logging
    import numpy as np

    numpy_state = np.random.get_state()
    verbosity = absl.logging.get_verbosity()
    logger = logging.getLogger("tensorflow")
    level = logger.level
    try:
        yield
    finally:
        logger.setLevel(level)
        absl.logging.set_verbosity(verbosity)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        # Only the changed variables are written. Clearing all of them first would show
        # an empty environment to other threads.
        for name in os.environ.keys() - environment.keys():
            os.environ.pop(name, None)
        for name, value in environment.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
