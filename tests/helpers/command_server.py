"""A server that runs one `mtl-train` after another in the same process.

Tests use it for commands that train nothing in their own process: wrong commands,
checks of data, and sweeps. A new process for each command would cost half a second to
start Python. For a sweep it would also cost three seconds to import TensorFlow: here
all sweeps share one fork server, a process with TensorFlow that forks their jobs.

Each line of JSON on stdin is a request. The answer is one line of JSON on stdout.
"""

import contextlib
import gc
import io
import json
import os
import sys

from hydra.core.global_hydra import GlobalHydra

from mtl_cli.cli.train import main
from mtl_cli.sweep import session, start_jobs

# `python -m` has this entry too: the current folder. Some tests check that no code in
# the current folder is imported.
sys.path.insert(0, "")


def answer(folder: str, arguments: list[str]) -> list[object]:
    """Runs a command in a folder.

    Returns: its exit code, stdout, stderr, and whether TensorFlow is loaded.
    """
    os.chdir(folder)
    # Clears the state that an earlier command has left in this process.
    GlobalHydra.instance().clear()
    session.current = None
    start_jobs.records_by_folder.clear()
    sys.argv = ["mtl-train", *arguments]
    out, err, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    return [code, out.getvalue(), err.getvalue(), "tensorflow" in sys.modules]


if __name__ == "__main__":
    gc.freeze()  # the collector would visit the objects of all modules each time
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(answer(**json.loads(line)))}\n")
        sys.stdout.flush()
