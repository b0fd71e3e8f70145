"""Starts TensorFlow once for all tests in this process: seeded, deterministic."""

import os
from collections.abc import Iterator

import pytest

from mtl_cli import engine

engine.start(seed=0, deterministic=True)


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the tests' encoded data out of the user's cache."""
    before = os.environ.get("MTL_CACHE")
    os.environ["MTL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["MTL_CACHE"]
    else:
        os.environ["MTL_CACHE"] = before
