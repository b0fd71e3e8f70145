"""All uses of private parts of Python, OmegaConf, Keras and TensorFlow.

No public function does the same work. A new version of a library may change its private
parts without notice; then `tests/core/test_private_apis.py` fails.
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
    """Ends this process without the long teardown of TensorFlow.

    Functions registered with `atexit` still run: they remove temporary folders. If
    Python would wait for a thread, the process ends in the usual way.
    """
    main_thread = threading.main_thread()
    if any(not t.daemon and t is not main_thread for t in threading.enumerate()):
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def omegaconf_yaml(values: Any) -> str:
    """Returns values as YAML that OmegaConf reads back as the same values.

    `OmegaConf.to_yaml` writes U+0085 as it is, but YAML reads this character as a
    blank. A text with this character is written in ASCII.
    """
    import yaml
    from omegaconf._utils import get_omega_conf_dumper

    dumper = get_omega_conf_dumper()
    text = yaml.dump(values, Dumper=dumper, sort_keys=False, allow_unicode=True)
    if "\x85" in text:
        text = yaml.dump(values, Dumper=dumper, sort_keys=False)
    return str(text)


class TooManyWeightsError(ValueError):
    """A network has more weights or variables than allowed."""


@contextlib.contextmanager
def unallocated_variables() -> Iterator[None]:
    """Makes Keras layers inside the block without memory for their weights.

    The weights can be counted, since the layers have shapes. Keras keeps a list of the
    variables without memory. It is emptied at the end of the block, because a later
    `keras.StatelessScope` would allocate them.
    """
    import keras
    from keras.src.backend.common import global_state

    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])


@contextlib.contextmanager
def bounded_weights(
    max_weights: float, max_variables: float = math.inf
) -> Iterator[None]:
    """Limits the weights and the variables that Keras layers make inside the block.

    A layer that exceeds a limit raises an error before its weights are allocated.
    Layers of other threads are not counted, but only one thread may be in such a block:
    see `mtl_cli.api.unchanged_process`.
    """
    import keras

    add_weight = keras.layers.Layer.add_weight
    weights_left, variables_left = max_weights, max_variables
    thread = threading.get_ident()

    def bounded(layer: Any, shape: Any = None, *args: Any, **settings: Any) -> Any:
        nonlocal weights_left, variables_left
        if threading.get_ident() == thread:
            weights_left -= math.prod(shape or ())
            variables_left -= 1
            if min(weights_left, variables_left) < 0:
                raise TooManyWeightsError("the network has more weights than expected")
        return add_weight(layer, shape, *args, **settings)

    keras.layers.Layer.add_weight = bounded
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add_weight


def limit_registration_time(num_workers: int, seconds: float) -> None:
    """Limits the seconds in which all workers must register with TensorFlow's chief.

    By default TensorFlow waits for an hour, and does not react to Ctrl-C.
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
    # With the barrier, the chief waits for all workers, so the chief has the limit too.
    tf_context.coordination_service.cluster_register_with_barrier = True
