"""A server that forks a process for each `mtl-train` that a test starts.

The server imports TensorFlow once. The import takes seconds, a fork hundredths of a
second. A sweep starts its jobs in the same way. Each process has its own arguments,
folder, environment and output, and ends as the installed command does.

Each line of JSON on stdin is a request. The answer is one line of JSON on stdout:

- `{"start": {...}}` starts a process. The answer is its process id.
- `{"poll": ID}` asks for the exit code of a process. The answer is null while the
  process runs.
"""

import json
import os
import signal
import sys
from typing import Any

from mtl_cli.cli.train import command
from mtl_cli.sweep import fork_server_preload  # noqa: F401


def become(
    folder: str, arguments: list[str], environment: dict[str, str], out: str, err: str
) -> None:
    """Turns this process, a new fork, into an `mtl-train`."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in enumerate([os.devnull, out, err]):
        file = os.open(name, os.O_RDWR | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    # If the tests run in the background, the shell makes them ignore SIGINT. The fork
    # would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["mtl-train", *arguments]
    command()


def exit_code_of(pid: int) -> int | None:
    """Returns the exit code of a process, or None while it runs."""
    ended_pid, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended_pid else None


def main() -> None:
    """Serves until stdin is closed."""
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        if "poll" in request:
            answer = exit_code_of(request["poll"])
        else:
            answer = os.fork()
            if answer == 0:  # in the fork
                become(**request["start"])
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
