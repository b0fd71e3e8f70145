"""Imports TensorFlow without its messages, seeds it, and restores its settings."""

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version

from mtl_cli.core import compile_cache
from mtl_cli.core.errors import ConfigError, MtlError, first_line
from mtl_cli.core.keras_settings import set_keras_settings
from mtl_cli.core.machine import cores_of_affinity, num_cores

CUDA_FOLDER = "--xla_gpu_cuda_data_dir"  # a flag of XLA
# Keras imports these packages if they are installed, for functions that mtl-cli does
# not use. Without them, the import takes a fifth less time.
UNUSED_PACKAGES = "sklearn", "matplotlib"
# The packages whose versions are recorded in `environment.json`.
RECORDED_PACKAGES = [
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


def start(seed: int, deterministic: bool) -> None:
    """Imports and seeds TensorFlow and Keras.

    With `deterministic`, a repeated run gives exactly the same numbers.
    """
    load()
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
        # If operations that read the same tensor ran at the same time, the order in
        # which their gradients are summed, and so the rounding, would depend on timing.
        # Each operation still uses all cores.
        tf.config.threading.set_inter_op_parallelism_threads(1)


def ignore_tools_of_start_folder() -> None:
    """Makes XLA ignore `./cuda_sdk_lib`: this folder may come from somebody else.

    On a machine with a GPU, XLA by default looks there first for NVIDIA's compiler. A
    flag that names no folder makes XLA look in the usual places instead.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    # The variable holds flags, or the path of a file with flags. Such a path stays.
    is_path = bool(flags) and not flags.lstrip().startswith("-")
    if CUDA_FOLDER not in flags and not is_path:
        os.environ["XLA_FLAGS"] = f"{flags} {CUDA_FOLDER}={os.devnull}".strip()


def load(is_own_process: bool = True) -> None:
    """Imports TensorFlow and Keras without their messages.

    Runs no operation, so the number of threads can still be set afterwards. If
    `is_own_process`, no other code needs all functions of Keras: the process saves
    time, see `UNUSED_PACKAGES` and `without_garbage_collection`.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if num_cores() < cores_of_affinity():  # TensorFlow ignores limits of containers
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(num_cores()))
    ignore_tools_of_start_folder()
    compile_cache.enable()
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(quiet_stderr())
            if is_own_process and "keras" not in sys.modules:
                stack.enter_context(hidden_modules(*UNUSED_PACKAGES))
                stack.enter_context(without_garbage_collection())
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
    except Exception as error:
        # Other errors than these two come from wrong settings of Keras.
        is_broken = isinstance(error, ImportError | SystemError)
        raise (MtlError if is_broken else ConfigError)(
            f"TensorFlow cannot be loaded: {type(error).__name__}: {first_line(error)}"
            "; correct keras.json, if any, free memory, or install mtl-cli again"
        ) from error
    if is_own_process:
        set_keras_settings()
    log_only_errors()


def log_only_errors() -> None:
    import absl.logging

    absl.logging.set_verbosity(absl.logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextlib.contextmanager
def hidden_modules(*names: str) -> Iterator[None]:
    """Makes imports of some modules fail inside the block."""
    # None in `sys.modules` makes an import raise ImportError.
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Makes the garbage collector skip the objects that exist at the end of the block.

    The imported modules have about a million objects. Visiting them again and again
    would take a tenth of the processor time of a short training.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Drops the text that C++ libraries print to stderr inside the block.

    TensorFlow prints a line about the processor before it reads its log level.
    """
    if sys.stderr is None:  # stderr was closed at the start: file 2 is another file
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "wb") as null:
        os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def describe() -> dict[str, object]:
    """Returns the versions, devices and thread counts for `environment.json`."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    threading = tf.config.threading
    return {
        "versions": {name: version(name) for name in RECORDED_PACKAGES},
        "device": [d.get("device_name", "GPU") for d in details] or ["CPU"],
        "cores": num_cores(),
        "inter_op_threads": threading.get_inter_op_parallelism_threads()
        or number_in_environment("TF_NUM_INTEROP_THREADS"),
        "intra_op_threads": threading.get_intra_op_parallelism_threads()
        or number_in_environment("TF_NUM_INTRAOP_THREADS"),
    }


def number_in_environment(variable: str) -> int:
    """Reads a variable as TensorFlow does; 0 stands for one thread per core."""
    value = os.environ.get(variable, "").strip()
    return int(value) if value.isdecimal() else 0
