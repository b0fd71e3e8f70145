"""Runs `mtl-train` in other processes, for tests."""

import atexit
import contextlib
import functools
import itertools
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 600  # a test fails if it waits longer than this
PAUSE_SECONDS = 0.01  # between two looks at a process

OUTPUT_FOLDER = tempfile.TemporaryDirectory(prefix="mtl-cli-tests-")
PROCESS_NUMBERS = itertools.count()


@functools.cache
def server(name: str, python_path: str | None = None) -> subprocess.Popen[str]:
    """Starts one of the servers in this folder. The server ends with this process.

    Args:
        name: the name of the server's file.
        python_path: the server's `PYTHONPATH`; None for the value in this process.
    """
    environment = {} if python_path is None else {"PYTHONPATH": python_path}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name(name))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    atexit.register(process.communicate)
    return process


def ask(name: str, python_path: str | None = None, **request: Any) -> Any:
    """Sends a request to a server, and returns its answer."""
    process = server(name, python_path)
    assert process.stdin and process.stdout
    process.stdin.write(f"{json.dumps(request)}\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def refused(folder: Path, *arguments: str) -> tuple[int, str, str, bool]:
    """Runs an `mtl-train` that trains nothing, such as a wrong one, on a server.

    Returns: its exit code, stdout, stderr, and whether it has loaded TensorFlow.
    """
    return tuple(ask("command_server.py", folder=str(folder), arguments=arguments))


def sweep_on_shared_fork_server(
    folder: Path, *arguments: str, python_path: str
) -> subprocess.CompletedProcess[str]:
    """Runs a sweep on a server. One fork server starts the jobs of all its sweeps.

    Args:
        folder: the folder in which the command runs.
        arguments: the arguments of `mtl-train`.
        python_path: the `PYTHONPATH` of the command and of its jobs.
    """
    code, out, err, _ = ask(
        "command_server.py", python_path, folder=str(folder), arguments=arguments
    )
    return subprocess.CompletedProcess(arguments, code, out, err)


class Process:
    """An `mtl-train` in a fork of a process that has loaded TensorFlow.

    The methods are those of `subprocess.Popen` that tests use.
    """

    def __init__(self, folder: Path, arguments: list[str], environment: Any) -> None:
        name = Path(OUTPUT_FOLDER.name) / str(next(PROCESS_NUMBERS))
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


def start_mtl_train(folder: Path, *arguments: str, **environment: str) -> Process:
    """Starts `mtl-train` in a folder, and does not wait for its end."""
    return Process(folder, list(arguments), os.environ | environment)


@contextlib.contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[Process]:
    """Runs `mtl-train` during the block, and kills it at the end of the block."""
    process = start_mtl_train(folder, *arguments, **environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def mtl_train(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs `mtl-train` in a folder, and waits for its end."""
    with running(folder, *arguments, **environment) as process:
        out, err = process.communicate()
        code = process.returncode
    assert code is not None
    return subprocess.CompletedProcess(arguments, code, out, err)


def run_cold(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs `mtl-train` as a shell does, in a new process of Python."""
    return subprocess.run(
        [sys.executable, "-m", "mtl_cli.cli.train", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


class Terminal:
    """A terminal of its own, with an `mtl-train` that was started on it."""

    def __init__(self, folder: Path, arguments: list[str], environment: Any) -> None:
        self.reader_side, command_side = os.openpty()
        # `nohup pytest` ignores SIGHUP, and so would the command.
        program = (
            "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
            "os.login_tty(0); os.execv(sys.executable, "
            "[sys.executable, '-m', 'mtl_cli.cli.train', *sys.argv[1:]])"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=folder,
            stdin=command_side,
            env=environment,
        )
        os.close(command_side)
        self.is_closing = threading.Event()
        self.reader = threading.Thread(target=self.read_until_closed)
        self.reader.start()

    def read_until_closed(self) -> None:
        """Reads the output, since a full terminal would stop the command."""
        while not self.is_closing.wait(PAUSE_SECONDS):
            if select.select([self.reader_side], [], [], 0)[0]:
                with contextlib.suppress(OSError):  # the command has ended
                    os.read(self.reader_side, 2**16)
        os.close(self.reader_side)

    def close(self) -> int:
        """Closes the terminal as a lost connection does, and returns the exit code."""
        self.is_closing.set()
        self.reader.join()
        return self.process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def on_terminal(
    folder: Path, *arguments: str, **environment: str
) -> Iterator[Terminal]:
    """Runs `mtl-train` on a terminal of its own; kills it at the end of the block."""
    terminal = Terminal(folder, list(arguments), os.environ | environment)
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.close()


def wait_for(
    process: Process, condition: Callable[[], object], pause: float = PAUSE_SECONDS
) -> bool:
    """Waits until a condition is true.

    Args:
        process: the process that makes the condition true.
        condition: is called again and again.
        pause: the seconds between two calls.

    Returns: whether the condition was true before the process ended.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None:
        if condition():
            return True
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_SECONDS} s")
        time.sleep(pause)
    return False
