"""Forks a process for each `mtl-train` that tests start, with TensorFlow loaded.

As a sweep's server does for its jobs: TensorFlow's import takes seconds, a fork
hundredths of one. Each process has arguments, a folder, an environment and output of
its own, and ends as the installed command does.

A line of JSON on stdin asks, one on stdout answers: `{"start": {...}}` with the number
of a new process, `{"poll": number}` with its exit code, or null while it runs.
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
    """Makes this process one that runs `mtl-train` in a folder."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in enumerate([os.devnull, out, err]):
        file = os.open(name, os.O_RDWR | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    # A test run in the background would hand its deafness to Ctrl-C on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["mtl-train", *arguments]
    command()


def polled(number: int) -> int | None:
    """Returns the exit code of a process, or None while it runs."""
    ended, status = os.waitpid(number, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def main() -> None:
    """Serves until stdin is closed."""
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        if "poll" in request:
            answer = polled(request["poll"])
        else:
            answer = os.fork()
            if not answer:
                become(**request["start"])
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
