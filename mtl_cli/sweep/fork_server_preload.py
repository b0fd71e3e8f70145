"""Imports that every job needs: the fork server imports this module once.

No import here may run a TensorFlow operation: TensorFlow's threads start with the first
operation, and a fork does not copy threads.
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

gc.freeze()  # so that a job's garbage collector does not copy the server's pages
