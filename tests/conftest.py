"""Starts TensorFlow once per test process, seeded and deterministic."""

import gc
import os
import tempfile

import pytest

from mtl_cli.core import tensorflow_runtime

gc.disable()  # until the tests are collected: imports and collection make no garbage

collect_ignore = ["engines"]  # these tests need real servers, such as MLflow's

# The tests have a cache of their own, for encoded data and compiled code.
CACHE = tempfile.TemporaryDirectory(prefix="mtl-cli-tests-")
os.environ["MTL_CACHE"] = CACHE.name


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
