"""The imports that every job needs. The fork server imports this module once.

A job is a fork of the server, so its process has all imports done. No import here may
run a TensorFlow operation: the first operation starts TensorFlow's threads, and a fork
has no copies of threads.
"""

import contextlib
import gc

from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import MtlError

with contextlib.suppress(MtlError):  # each job raises the error again, and reports it
    tensorflow_runtime.load()

import mtl_cli.runs.execution
import mtl_cli.runs.report
import mtl_cli.runs.run
import mtl_cli.runs.saved_model
import mtl_cli.sweep.job
import mtl_cli.sweep.session
import mtl_cli.training.train  # noqa: F401

# A job shares the memory pages of the server until it writes to a page. The garbage
# collector writes to every object that it visits, except frozen objects.
gc.freeze()
