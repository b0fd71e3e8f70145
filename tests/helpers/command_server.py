"""Runs `mtl-train` again and again in one process that has not loaded TensorFlow.

For commands that train nothing in their own process: mistakes, checks and sweeps. Each
start of Python costs half a second. All sweeps share one fork server: its import of
TensorFlow costs three seconds. Each line of JSON on stdin is a request; the answer is a
line of JSON on stdout.
"""

import contextlib
import io
import json
import os
import sys

from hydra.core.global_hydra import GlobalHydra

from mtl_cli.cli.train import main
from mtl_cli.sweep import session, start_jobs

# As `python -m` has it, so that code in the folder of the start could be found.
sys.path.insert(0, "")


def answer(folder: str, arguments: list[str]) -> list[object]:
    """Returns exit code, stdout, stderr, and whether TensorFlow is loaded."""
    os.chdir(folder)
    # The state that an earlier command has left in this process.
    GlobalHydra.instance().clear()
    session.current = None
    start_jobs.started.clear()
    sys.argv = ["mtl-train", *arguments]
    out, err, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    return [code, out.getvalue(), err.getvalue(), "tensorflow" in sys.modules]


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(answer(**json.loads(line)))}\n")
        sys.stdout.flush()
