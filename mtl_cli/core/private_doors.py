"""All uses of private parts of Python, Keras and TensorFlow.

No public function does the same work. A new version of a library may change its private
parts without notice; then `tests/core/test_private_doors.py` fails.
"""

import atexit
import contextlib
import math
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn


def exit_without_teardown(code: int) -> NoReturn:
    """Ends this process without the usual teardown of Python.

    The teardown of TensorFlow takes most of a second, and only frees memory that the
    operating system frees anyway. Functions registered with `atexit` still run: they
    remove temporary folders and write logs. If Python would wait for a thread, the
    process ends in the usual way.
    """
    main_thread = threading.main_thread()
    if any(not t.daemon and t is not main_thread for t in threading.enumerate()):
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


class TooManyWeightsError(ValueError):
    """A network has more weights or variables than allowed."""


class BoundedVariables(list[Any]):
    """A list for the variables that Keras makes without memory, of limited length.

    Args:
        max_weights: the largest number of weights in all variables.
        max_variables: the largest number of variables.
    """

    def __init__(self, max_weights: float, max_variables: float) -> None:
        super().__init__()
        self.max_variables = max_variables
        self.weights_left = max_weights

    def append(self, variable: Any) -> None:
        """Adds a variable. Raises `TooManyWeightsError` if a limit is exceeded."""
        super().append(variable)
        self.weights_left -= math.prod(variable.shape)
        if self.weights_left < 0 or len(self) > self.max_variables:
            raise TooManyWeightsError("the network has more weights than expected")


@contextlib.contextmanager
def unallocated_variables(
    max_weights: float = math.inf, max_variables: float = math.inf
) -> Iterator[None]:
    """Makes Keras layers inside the block without memory for their weights.

    Such layers have shapes, so their weights can be counted. Usually the end of a
    `keras.StatelessScope` allocates the weights, and with `initialize_variables=False`
    the end of the next such scope. Therefore Keras' list of variables without memory is
    emptied at the end of the block.

    Args:
        max_weights: the largest number of weights. If a layer exceeds it, a
            `TooManyWeightsError` ends the block.
        max_variables: the largest number of variables, with the same effect.
    """
    import keras
    from keras.src.backend.common import global_state

    variables = BoundedVariables(max_weights, max_variables)
    global_state.set_global_attribute("uninitialized_variables", variables)
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])


@contextlib.contextmanager
def bounded_weights(max_weights: float) -> Iterator[None]:
    """Limits the number of weights that Keras layers make inside the block.

    A layer that exceeds the limit raises a `TooManyWeightsError` before its weights are
    allocated.

    Args:
        max_weights: the largest number of weights of all layers together.
    """
    import keras

    add_weight = keras.layers.Layer.add_weight
    weights_left = max_weights

    def bounded(layer: Any, shape: Any = None, *args: Any, **settings: Any) -> Any:
        nonlocal weights_left
        weights_left -= math.prod(shape or ())
        if weights_left < 0:
            raise TooManyWeightsError("the network has more weights than expected")
        return add_weight(layer, shape, *args, **settings)

    keras.layers.Layer.add_weight = bounded
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add_weight


@contextlib.contextmanager
def outside_of_current_folder() -> Iterator[None]:
    """Makes the root of the file system the current folder inside the block.

    Some packages read settings from the current folder when they are imported;
    matplotlib reads `matplotlibrc`. A file there may come from somebody else.
    """
    earlier_folder = os.open(".", os.O_RDONLY)
    os.chdir("/")
    try:
        yield
    finally:
        os.fchdir(earlier_folder)
        os.close(earlier_folder)


@contextlib.contextmanager
def hidden_modules(*names: str) -> Iterator[None]:
    """Makes imports of some modules fail inside the block.

    Keras imports scikit-learn and matplotlib if they are installed, for functions that
    mtl-cli does not use. Both modules take a fifth of the time of importing Keras.
    """
    # None in `sys.modules` makes an import raise ImportError.
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def bound_registration(num_workers: int, seconds: float) -> None:
    """Limits the time in which all processes must register with TensorFlow's chief.

    By default TensorFlow waits for an hour, and does not react to Ctrl-C.

    Args:
        num_workers: the number of processes of the job `worker`.
        seconds: the limit.
    """
    from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
    from tensorflow.python.eager import context

    tf_context = context.context()
    job = coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=num_workers)
    tf_context.configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=round(1000 * seconds),
        coordinated_jobs=[job],
    )
    # With the barrier, the chief waits for all workers, so the limit holds for it too.
    tf_context.coordination_service.cluster_register_with_barrier = True
