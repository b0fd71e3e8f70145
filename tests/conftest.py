"""Starts TensorFlow once for all tests in this process: seeded, deterministic."""

from mtl_cli import engine

engine.start(seed=0, deterministic=True)
