"""How a run and its process end: the status, the words, the exit."""

import atexit
import contextlib
import os
import shlex
import sys
import threading
from typing import NoReturn

from mtl_cli.core.errors import LostWorkerError, MtlError, first_line
from mtl_cli.core.paths import shortest
from mtl_cli.core.secrets import masked
from mtl_cli.core.signals import Stopped


def status_after(error: BaseException) -> tuple[str, str]:
    """Returns the status of a run that an error ended, and why."""
    if isinstance(error, SystemExit) and error.code == 1:
        return "interrupted", "what read the output has closed it"
    from_outside = isinstance(error, KeyboardInterrupt | LostWorkerError)
    status = "interrupted" if from_outside else "failed"
    return status, masked(str(error)) or type(error).__name__


def going_on(stop: Stopped, command: list[str]) -> str:
    """Says what ended a command, what of its run is safe, and how to go on."""
    if stop.run is None:
        return str(stop)
    from mtl_cli.training.checkpoint import described, saved

    checkpoints = saved(stop.run)
    if not checkpoints:
        return f"{stop}; no checkpoint was written yet"
    newest = checkpoints[0]
    return (
        f"{stop}; all up to {described(newest)} is safe in {shortest(newest)}; "
        f"to go on: {again(command)}"
    )


def again(command: list[str]) -> str:
    """Returns a command that goes on with what this one began."""
    return shlex.join(s for s in command if not s.startswith("resume="))


def told(error: Exception) -> tuple[str, int]:
    """Returns what to say of a failed run, and its exit code."""
    if isinstance(error, MtlError):
        return str(error), error.exit_code
    name, text = type(error).__name__, first_line(error)
    text = text if text == name else f"{name}: {text}"
    return f"{text}; the traceback is in train.log", 1


def leave(code: int) -> NoReturn:
    """Ends this process.

    Without taking TensorFlow apart, which takes most of a second and frees what the
    system frees anyway; but not where threads are waited for at the end.
    """
    main_thread = threading.main_thread()
    if any(not t.daemon and t is not main_thread for t in threading.enumerate()):
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)
