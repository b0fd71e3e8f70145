"""Starts TensorFlow: quiet, seeded, deterministic."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

from mtl_cli.core import compile_cache

DETERMINISTIC_THREADS = 1


def start(seed: int, deterministic: bool) -> None:
    """Imports TensorFlow and Keras and prepares them for the one run of this process.

    Args:
        seed: of everything random.
        deterministic: whether the same run gives the same numbers, bit by bit.
            Where a tensor is read in three or more places, the order in which its
            gradients are summed depends on timing unless operations run one after
            another; each still uses all cores.
    """
    load()
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
        tf.config.threading.set_inter_op_parallelism_threads(DETERMINISTIC_THREADS)


def load() -> None:
    """Imports TensorFlow and Keras, quietly; runs nothing."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    compile_cache.keep()
    with quiet(), hidden("sklearn", "matplotlib.pyplot"):
        import absl.logging
        import keras  # noqa: F401
        import tensorflow as tf

    absl.logging.set_verbosity(absl.logging.ERROR)
    tf.get_logger().setLevel(logging.ERROR)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Holds back what libraries written in C++ print to stderr while they load.

    TensorFlow prints which processor features it uses before any setting of its log
    level is read. If loading fails, what was held back is printed.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextlib.contextmanager
def hidden(*modules: str) -> Iterator[None]:
    """Hides modules that Keras loads where they are installed, and we do not use.

    They serve its wrappers and galleries, and take a fifth of the time of its import.
    """
    mine = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(mine))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in mine:
            del sys.modules[name]


def describe() -> dict[str, object]:
    """Returns versions, device and threads, for the run's record."""
    from importlib.metadata import version

    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    packages = [
        "mtl-cli",
        "tensorflow",
        "keras",
        "deepctr",
        "hydra-core",
        "omegaconf",
        "numpy",
        "pandas",
        "pyarrow",
        "scikit-learn",
    ]
    return {
        "versions": {name: version(name) for name in packages},
        "device": [d.get("device_name", "GPU") for d in details] or ["CPU"],
        "cores": os.cpu_count(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }
