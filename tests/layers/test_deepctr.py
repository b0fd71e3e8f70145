"""DeepCTR is imported without its side effects, and still needs this."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

IMPORT = """
import threading
started = []
start = threading.Thread.start
def record(thread):
    started.append(thread._target.__qualname__)
    start(thread)
threading.Thread.start = record
from mtl_cli.core import tensorflow_runtime
tensorflow_runtime.load()
from mtl_cli.layers import deepctr
layers = deepctr.import_layers()
assert deepctr.import_layers() is layers
assert layers.CrossNet.__module__ == "deepctr.layers.interaction"
print(started)
"""


@pytest.mark.slow
def test_import_starts_no_thread() -> None:
    command = [sys.executable, "-c", IMPORT]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_deepctr_does_nothing_else_on_import() -> None:
    spec = find_spec("deepctr")
    assert spec is not None
    assert spec.origin is not None
    # If this fails, DeepCTR has changed: see whether `layers.deepctr.import_layers` may
    # import it plainly, or leaves something out.
    assert Path(spec.origin).read_text().split("\n") == [
        "from .utils import check_version",
        "",
        "__version__ = '0.9.4'",
        "check_version(__version__)",
        "",
    ]
