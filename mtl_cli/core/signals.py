"""Ends a run after Ctrl-C (SIGINT), SIGTERM, or when its terminal closes (SIGHUP).

Usually a signal ends the run at once, by raising `Stopped`. During training, the first
signal is deferred: the signal waits until the training has written a checkpoint and
raises `Stopped`, or until the training ends. A second signal ends the run at once.

If the same signal comes again within `REPEAT_SECONDS`, it is dropped: the program
`timeout` sends its signal to the command, and then to the command's group. A job of a
sweep takes one signal alone: Slurm signals the sweep and its jobs, and then the stopped
sweep signals its jobs too. The sweep kills a job that does not end.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from mtl_cli.core.errors import first_line
from mtl_cli.core.standard_streams import drop_closed_terminal

SIGNALS = [int(signal.SIGHUP), int(signal.SIGINT), int(signal.SIGTERM)]
REPEAT_SECONDS = 0.3  # people seldom press Ctrl-C twice within this time
RESEND_SECONDS = 0.01  # most methods `__del__` have ended after this time

_is_deferring = False  # whether the next signal has to wait
_takes_one_signal = False  # whether all signals after the first are dropped
_pending = 0  # the number of the signal that waits; 0 if no signal waits
_last_signal = (0, 0.0)  # the number and the monotonic time of the last signal
_print_unraisable = sys.unraisablehook


class Stopped(KeyboardInterrupt):
    """A signal has stopped a run. `run` is its folder; None before the run began."""

    def __init__(self, number: int, message: str = "") -> None:
        name = signal.Signals(number).name
        by_signal = "interrupted" if name == "SIGINT" else f"stopped by {name}"
        super().__init__(message or by_signal)
        self.number = number
        self.code = 128 + number  # as in shells
        self.run: Path | None = None


def install(takes_one_signal: bool = False) -> None:
    """Installs the handler of the signals. An ignored signal stays ignored.

    `nohup` makes a command ignore SIGHUP; a shell makes one in the background ignore
    SIGINT.
    """
    global _takes_one_signal, _print_unraisable
    _takes_one_signal = takes_one_signal
    if sys.unraisablehook is not _resend_unraisable:
        _print_unraisable, sys.unraisablehook = sys.unraisablehook, _resend_unraisable
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def end_at_once() -> None:
    """Makes each further signal end the process, without a message.

    A `Stopped` that is raised while Python exits would be printed as a traceback.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is _handle:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    if not _is_repeated(number):
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _resend_unraisable(unraisable: Any) -> None:
    """Sends a signal again that came while Python ran a `__del__` or a callback.

    Python raises no error of such code, but calls this hook and goes on. TensorFlow
    deletes hundreds of objects at once. After a signal, other errors are not printed:
    the `__del__` of an object that is only half made fails.
    """
    global _last_signal
    if not isinstance(unraisable.exc_value, Stopped):
        if not _last_signal[0]:
            _print_unraisable(unraisable)
        return
    _last_signal = (0, 0.0)
    number = unraisable.exc_value.number
    timer = threading.Timer(RESEND_SECONDS, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()


def _is_repeated(number: int) -> bool:
    global _last_signal
    last_number, last_time = _last_signal
    if last_number and _takes_one_signal:
        return True
    now = time.monotonic()
    if number == last_number and now - last_time < REPEAT_SECONDS:
        return True
    _last_signal = (number, now)
    return False


def _handle(number: int, _frame: FrameType | None) -> None:
    global _pending
    if number == signal.SIGHUP:
        drop_closed_terminal()
    if _is_repeated(number):
        return
    if not _is_deferring or _pending:
        raise Stopped(number)
    _pending = number


def defer() -> None:
    """Makes the first signal from now on wait until the next `deferred` block ends."""
    global _is_deferring, _pending
    if not _is_deferring:  # otherwise a signal may already wait, and keeps waiting
        _is_deferring = True
        _pending = 0


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Makes the first signal wait until the block ends, and ends an earlier `defer`.

    The block may look for a signal with `pending`, and raise `Stopped` earlier. If the
    block ends with an error while a signal waits, `Stopped` replaces the error and
    names it: a calling script must see the exit code of the signal.
    """
    global _is_deferring
    defer()
    try:
        yield
    except Exception as error:
        if _pending:
            stop = Stopped(_pending)
            message = f"{stop}, after an error: {first_line(error)}"
            raise Stopped(_pending, message) from error
        raise
    finally:
        _is_deferring = False
    if _pending:
        raise Stopped(_pending)


@contextlib.contextmanager
def raise_hidden_interrupts() -> Iterator[None]:
    """Raises a `KeyboardInterrupt` of the block even if a later error hides it.

    A signal may interrupt a library anywhere, and the library's cleanup may then fail.
    The `KeyboardInterrupt` is only the context of the error of the cleanup.
    """
    try:
        yield
    except Exception as error:
        context = error.__context__
        while context is not None:
            if isinstance(context, KeyboardInterrupt):
                raise context from None
            context = context.__context__
        raise


def pending() -> int:
    """Returns the number of the signal that waits; 0 if no signal waits."""
    return _pending
