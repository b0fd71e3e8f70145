"""The imports that every job needs. The fork server imports this module once.

A job is a fork of the server, so its process has all imports done. No import here may
run a TensorFlow operation: the first operation starts TensorFlow's threads, and a fork
has no copies of threads.
"""

import gc

from mtl_cli.core import tensorflow_runtime

tensorflow_runtime.load()

import mtl_cli.runs.execution  # noqa: E402
import mtl_cli.runs.report  # noqa: E402
import mtl_cli.runs.run  # noqa: E402
import mtl_cli.runs.saved_model  # noqa: E402
import mtl_cli.sweep.job  # noqa: E402
import mtl_cli.sweep.session  # noqa: E402
import mtl_cli.training.train  # noqa: E402, F401

# A job shares the memory pages of the server until it writes to a page: then the system
# copies the page. The garbage collector writes to every object that it visits, but does
# not visit frozen objects. The pages of frozen objects therefore stay shared.
gc.freeze()
