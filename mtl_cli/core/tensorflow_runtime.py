"""Imports TensorFlow without its messages, seeds it, and restores its settings."""

import contextlib
import gc
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version

from mtl_cli.core import compile_cache
from mtl_cli.core.errors import ConfigError, MtlError, first_line
from mtl_cli.core.keras_settings import (
    KERAS_DEFAULTS,
    KERAS_JSON_ERRORS,
    keras_json,
    set_keras_settings,
)
from mtl_cli.core.machine import num_cores

# The environment variable with the number of threads of one operation.
INTRA_OP_THREADS = "TF_NUM_INTRAOP_THREADS"
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
        # If several operations read the same tensor, their gradients are summed. When
        # the operations run at the same time, the order of the sum depends on timing,
        # and so does its rounding. Therefore operations run one after another. Each
        # operation still uses all cores.
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

    Runs no operation, so the number of threads can still be set afterwards.

    Args:
        is_own_process: whether mtl-cli has started this process, so that no other code
            needs all functions of Keras. The process then saves time in two ways, see
            `UNUSED_PACKAGES` and `without_garbage_collection`.

    Raises:
        ConfigError: if the environment sets a number of threads below 0, or if the
            settings of Keras are wrong.
        MtlError: if TensorFlow or Keras cannot be imported.
    """
    check_threads()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
    except (ImportError, SystemError) as error:
        fix = "install mtl-cli again"
        if not isinstance(error, ModuleNotFoundError):  # perhaps a lack of memory
            fix = f"free memory or raise its limit (ulimit -v), or {fix}"
        raise MtlError(
            f"TensorFlow cannot be loaded: {type(error).__name__}: {first_line(error)}"
            f"; {fix}"
        ) from error
    except KERAS_JSON_ERRORS as error:
        raise ConfigError(
            f"Keras cannot be loaded: {first_line(error)}; correct or remove "
            f"{keras_json()} and the environment variables KERAS_*, or install mtl-cli "
            "again"
        ) from error
    if is_own_process:
        set_keras_settings(**KERAS_DEFAULTS)
    log_only_errors()


def log_only_errors() -> None:
    """Makes TensorFlow log errors only, neither warnings nor information."""
    import absl.logging

    absl.logging.set_verbosity(absl.logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def check_threads() -> None:
    """Refuses a number of threads below 0, for which TensorFlow aborts the process."""
    value = os.environ.get(INTRA_OP_THREADS, "")
    if re.fullmatch(r"\s*-\d+\s*", value):
        raise ConfigError(
            f"{INTRA_OP_THREADS}: '{value}' is not a number of threads; unset this "
            "environment variable, or set it to a number above 0"
        )


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

    The modules that the block imports have about a million objects, and these live as
    long as the process. Visiting them again and again would take a tenth of the
    processor time of a short training.
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

    TensorFlow prints a line about the processor before it reads its log level. If the
    block raises an error, the text is printed, since it may explain the error. A signal
    that stops the block does not count as an error.
    """
    if sys.stderr is None:  # stderr was closed at the start: file 2 is another file
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as dropped:
        os.dup2(dropped.fileno(), 2)
        try:
            yield
        except Exception:
            dropped.seek(0)
            os.write(stderr, dropped.read())
            raise
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
        or number_in_environment(INTRA_OP_THREADS),
    }


def number_in_environment(variable: str) -> int:
    """Returns the number in an environment variable, or 0 if it holds no number.

    TensorFlow reads a variable in the same way if no number of threads has been set in
    Python. For 0, it takes one thread per core.
    """
    value = os.environ.get(variable, "").strip()
    return int(value) if value.isdecimal() else 0
