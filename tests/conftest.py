"""Starts TensorFlow once for all tests in this process: seeded, deterministic."""

import gc
import os
import tempfile

import pytest

from mtl_cli.core import tensorflow_runtime

collect_ignore = ["engines"]  # drills, which need real engines

# Keeps the tests' encoded data and compiled code out of the user's cache.
CACHE = tempfile.TemporaryDirectory(prefix="mtl-cli-tests-")
os.environ["MTL_CACHE"] = CACHE.name


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None):
        return  # this process only hands out tests
    if beside := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
        threads = max(1, (os.cpu_count() or 1) // int(beside))
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
    tensorflow_runtime.start(seed=0, deterministic=True)


def pytest_collection_finish() -> None:
    """Spares the garbage collector the million objects of modules and tests."""
    gc.collect()
    gc.freeze()
