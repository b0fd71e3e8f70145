"""What every job needs, imported once: the fork server starts with this module.

Nothing here may run a TensorFlow operation: a process that has done so cannot be forked
(its threads are not copied).
"""

import gc

from mtl_cli.core import tensorflow_runtime

tensorflow_runtime.load()

import matplotlib.backends.backend_agg  # noqa: E402, F401

import mtl_cli.runs.execution  # noqa: E402
import mtl_cli.runs.report  # noqa: E402
import mtl_cli.runs.run  # noqa: E402
import mtl_cli.runs.saved_model  # noqa: E402
import mtl_cli.sweep.job  # noqa: E402
import mtl_cli.sweep.session  # noqa: E402
import mtl_cli.training.train  # noqa: E402, F401

gc.freeze()  # so that a job's collector does not copy these pages
