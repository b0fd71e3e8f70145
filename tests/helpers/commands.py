"""Runs `mtl-train` in processes, to their end or up to a signal."""

import atexit
import functools
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 120
PAUSE_SECONDS = 0.01

OUTPUT = tempfile.TemporaryDirectory(prefix="mtl-cli-tests-")
NUMBERS = itertools.count()


@functools.cache
def server(name: str, python_path: str | None = None) -> subprocess.Popen[str]:
    """Starts a server of this folder. The server ends with this process.

    Args:
        name: the file's name.
        python_path: the server's `PYTHONPATH`; None for the value in this process.
    """
    environment = {} if python_path is None else {"PYTHONPATH": python_path}
    begun = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name(name))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    atexit.register(begun.communicate)
    return begun


def ask(name: str, python_path: str | None = None, **request: Any) -> Any:
    """Returns what a server answers."""
    begun = server(name, python_path)
    assert begun.stdin and begun.stdout
    begun.stdin.write(f"{json.dumps(request)}\n")
    begun.stdin.flush()
    return json.loads(begun.stdout.readline())


def refused(folder: Path, *arguments: str) -> tuple[int, str, str, bool]:
    """Runs a wrong `mtl-train` in a process that has run others.

    Returns: exit code, stdout, stderr, and whether it has loaded TensorFlow.
    """
    return tuple(ask("command_server.py", folder=str(folder), arguments=arguments))


def sweep_on_shared_fork_server(
    folder: Path, *arguments: str, python_path: str
) -> subprocess.CompletedProcess[str]:
    """Runs a sweep in a process that has run others.

    Args:
        folder: the folder to start in.
        arguments: the arguments of `mtl-train`.
        python_path: `PYTHONPATH` of the command and of its jobs.
    """
    code, out, err, _ = ask(
        "command_server.py", python_path, folder=str(folder), arguments=arguments
    )
    return subprocess.CompletedProcess(arguments, code, out, err)


class Process:
    """An `mtl-train` with TensorFlow loaded: what tests use of `subprocess.Popen`."""

    def __init__(self, folder: Path, arguments: list[str], environment: Any) -> None:
        name = Path(OUTPUT.name) / str(next(NUMBERS))
        self.out, self.err = name.with_suffix(".out"), name.with_suffix(".err")
        for file in (self.out, self.err):
            file.touch()
        self.returncode: int | None = None
        self.pid: int = ask(
            "fork_server.py",
            start={
                "folder": str(folder),
                "arguments": arguments,
                "environment": dict(environment),
                "out": str(self.out),
                "err": str(self.err),
            },
        )

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = ask("fork_server.py", poll=self.pid)
        return self.returncode

    def communicate(self, timeout: float = PATIENCE_SECONDS) -> tuple[str, str]:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout} s")
            time.sleep(PAUSE_SECONDS)
        return self.out.read_text("utf-8"), self.err.read_text("utf-8")

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(9)


def started(folder: Path, *arguments: str, **environment: str) -> Process:
    """Starts `mtl-train` in a folder, in the background."""
    return Process(folder, list(arguments), os.environ | environment)


@contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[Process]:
    """Starts `mtl-train`, and leaves no process behind."""
    process = started(folder, *arguments, **environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def mtl_train(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs `mtl-train` in a folder to its end."""
    with running(folder, *arguments, **environment) as process:
        out, err = process.communicate()
        code = process.returncode
    assert code is not None
    return subprocess.CompletedProcess(arguments, code, out, err)


def run_cold(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs `mtl-train` as a shell does: the command loads all that it needs itself."""
    return subprocess.run(
        [sys.executable, "-m", "mtl_cli.cli.train", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def wait_for(
    process: Process, condition: Callable[[], object], pause: float = PAUSE_SECONDS
) -> bool:
    """Waits until a condition is true; False if the process ends before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None:
        if condition():
            return True
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_SECONDS} s")
        time.sleep(pause)
    return False
