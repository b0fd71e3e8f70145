"""Starts TensorFlow once per test process, seeded and deterministic."""

import gc
import inspect
import os
import sys
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from mtl_cli.core import tensorflow_runtime

gc.disable()  # until the tests are collected: imports and collection make no garbage

collect_ignore = ["engines"]  # these tests need real servers, such as MLflow's

# The tests have a cache of their own, for encoded data and compiled code.
CACHE = tempfile.TemporaryDirectory(prefix="mtl-cli-tests-")
os.environ["MTL_CACHE"] = CACHE.name

# On a busy machine, any example may take long.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None):
        return  # this process only distributes the tests to worker processes
    if num_workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
        # The workers share the cores.
        threads = max(1, (os.cpu_count() or 1) // int(num_workers))
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
    tensorflow_runtime.start(seed=0, deterministic=True)


def pytest_collection_finish() -> None:
    """Spares the garbage collector the million objects of modules and tests."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def no_progress_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps commands from printing lines of progress, also on a slow machine.

    Many tests count the lines of a command's errors.
    """
    monkeypatch.setattr("mtl_cli.core.terminal.SECONDS_PER_LINE_OF_COMMANDS", 3600.0)


@pytest.fixture(autouse=True)
def no_graph_outlives_its_test() -> Iterator[None]:
    """Lets TensorFlow free the graphs of a test.

    TensorFlow registers the gradient of each function with `tf.custom_gradient` for
    ever, and with it the graph that calls the function. Keras' optimizers call such a
    function too. A process would keep 7 MB for each training.
    """
    yield
    # TensorFlow must not load before `pytest_configure` starts it.
    from tensorflow.python.framework import ops

    gradients = ops.gradient_registry._registry
    for name in [name for name in gradients if name.startswith("CustomGradient-")]:
        del gradients[name]


@pytest.fixture
def eager(request: pytest.FixtureRequest) -> Iterator[None]:
    """Steps without the seconds that tracing takes; a parameter may turn this off."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(getattr(request, "param", True))
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def little_recursion() -> Iterator[None]:
    """Allows functions to call each other 100 deep."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    yield
    sys.setrecursionlimit(limit)
