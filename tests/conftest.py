"""Starts TensorFlow once for all tests in this process: seeded, deterministic."""

import os
import tempfile

from mtl_cli import engine

# Keeps the tests' encoded data and compiled code out of the user's cache.
CACHE = tempfile.TemporaryDirectory(prefix="mtl-cli-tests-")
os.environ["MTL_CACHE"] = CACHE.name

engine.start(seed=0, deterministic=True)
