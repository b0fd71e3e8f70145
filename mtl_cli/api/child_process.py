"""The child process of `mtl_cli.train`: its start, its output, and its interruption."""

import os
import signal
import subprocess
import sys
import threading
from typing import IO, TextIO

from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.paths import PACKAGE
from mtl_cli.core.signals import Stopped

# Until the child installs its own handler, Ctrl-C ends it without a traceback. The
# folder of `mtl_cli` is added at the end of `sys.path`: at the start, a file such as
# `random.py` would replace a module of Python.
CHILD_PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "sys.path.append({!r}); from mtl_cli.cli.child import main; "
    "main(sys.argv[1], sys.argv[2:])"
)
# After the first Ctrl-C, the child writes a checkpoint and ends. After the second, it
# ends at once. A third Ctrl-C kills it.
INTERRUPTS_BEFORE_KILL = 2


def start_child(arguments: list[str]) -> "subprocess.Popen[str]":
    """Starts the child process, see `mtl_cli.cli.child.main` for the arguments."""
    program = CHILD_PROGRAM.format(str(PACKAGE.parent))
    try:
        return subprocess.Popen(
            # With -P, the current folder is not searched for modules.
            [sys.executable, "-P", "-c", program, *arguments],
            # If this process dies, the pipe is closed. The child then stops.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"},
            # In its own session, the child receives no Ctrl-C from the terminal.
            # `wait_for_child` passes each Ctrl-C on.
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # too long, or with a null character
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ConfigError(
            f"mtl_cli.train: the settings cannot be passed to a process: {reason}; "
            "write them to a YAML file in ./conf"
        ) from None


def wait_for_child(process: "subprocess.Popen[str]") -> int:
    """Copies the output of the child process, and returns its exit code.

    Each Ctrl-C is passed on to the child, until one more than `INTERRUPTS_BEFORE_KILL`
    kills the child and raises a `KeyboardInterrupt`.
    """
    copiers = [
        threading.Thread(target=copy_lines, args=streams, daemon=True)
        for streams in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    ]
    for copier in copiers:
        copier.start()
    num_interrupts = 0
    try:
        while True:
            try:
                return process.wait()
            except Stopped:  # a signal to a command that calls `train`: `mtl-doctor`
                raise
            except KeyboardInterrupt:
                num_interrupts += 1
                if num_interrupts > INTERRUPTS_BEFORE_KILL:
                    raise
                process.send_signal(signal.SIGINT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for copier in copiers:
            copier.join()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def copy_lines(source: IO[str], target: TextIO | None) -> None:
    """Copies a pipe to a stream, line by line.

    If there is no stream, or if it takes no more text, the lines are read and dropped:
    the child would wait for ever if nobody read its pipe. Characters that the stream's
    encoding lacks become question marks.
    """
    for line in source:
        if target is None:
            continue
        try:
            encoding = getattr(target, "encoding", None) or "utf-8"
            target.write(line.encode(encoding, "replace").decode(encoding))
            target.flush()
        except Exception:  # the caller's stream may be anything, such as a closed pipe
            target = None
