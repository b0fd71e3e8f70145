"""The private parts of Python, Keras and TensorFlow that this project relies on.

No public function does the same. `tests/core/test_private_doors.py` fails if one of
these parts changes.
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
    """Ends this process without freeing what the system frees anyway.

    Taking TensorFlow apart takes most of a second. Functions registered with `atexit`
    still run: temporary folders are removed and logs are written. If a thread has to
    be waited for, the process ends in the usual way.
    """
    main_thread = threading.main_thread()
    if any(not t.daemon and t is not main_thread for t in threading.enumerate()):
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


class BoundedVariables(list[Any]):
    """The variables that Keras has made without memory, up to a number of weights.

    Args:
        max_weights: the largest number of weights in all variables.
        max_variables: the largest number of variables.
    """

    def __init__(self, max_weights: float, max_variables: float) -> None:
        super().__init__()
        self.max_variables = max_variables
        self.weights_left = max_weights

    def append(self, variable: Any) -> None:
        """Adds a variable; raises a `ValueError` if there are too many."""
        super().append(variable)
        self.weights_left -= math.prod(variable.shape)
        if self.weights_left < 0 or len(self) > self.max_variables:
            raise ValueError("the network has more weights than expected")


@contextlib.contextmanager
def unallocated_variables(
    max_weights: float = math.inf, max_variables: float = math.inf
) -> Iterator[None]:
    """Makes Keras layers without memory for their weights inside the block.

    The number of their weights can be counted. Keras' own scope would allocate the
    weights at its end, or else the next such scope would.

    Args:
        max_weights: the largest number of weights. Making the layers ends with a
            `ValueError` as soon as there are more.
        max_variables: the largest number of variables, in the same way.
    """
    import keras
    from keras.src.backend.common import global_state

    made = BoundedVariables(max_weights, max_variables)
    global_state.set_global_attribute("uninitialized_variables", made)
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])


@contextlib.contextmanager
def outside_of_current_folder() -> Iterator[None]:
    """Makes the root of the file system the current folder inside the block.

    For imports of packages that read their settings from the current folder, where a
    file of someone else may lie: matplotlib reads `matplotlibrc`.
    """
    before = os.open(".", os.O_RDONLY)
    os.chdir("/")
    try:
        yield
    finally:
        os.fchdir(before)
        os.close(before)


@contextlib.contextmanager
def hidden_modules(*names: str) -> Iterator[None]:
    """Makes modules look missing to an import inside the block.

    Keras imports scikit-learn and matplotlib if they are installed, for parts
    that are not used here. The two modules take a fifth of the time of its import.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def bound_registration(num_workers: int, seconds: float) -> None:
    """Bounds the time in which all processes must register with TensorFlow's chief.

    TensorFlow's own strategy waits for an hour, and does not react to Ctrl-C.

    Args:
        num_workers: the number of processes, each a task of the job `worker`.
        seconds: the bound.
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
    # Without the barrier, the bound would not hold for the chief.
    tf_context.coordination_service.cluster_register_with_barrier = True
