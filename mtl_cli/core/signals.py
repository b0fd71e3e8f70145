"""Ends a run after Ctrl-C (SIGINT), SIGTERM, or when its terminal closes (SIGHUP).

Usually a signal ends the run at once. During training, the first signal is deferred: it
waits until the code calls `stop_if_pending`, after a checkpoint has been written. A
second signal ends the run at once.
"""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from mtl_cli.core.standard_streams import drop_closed_terminal

SIGNALS = [int(signal.SIGHUP), int(signal.SIGINT), int(signal.SIGTERM)]
FIRST_CODE = 128  # the exit code after a signal is this plus the signal's number

_is_deferring = False  # whether the first signal has to wait
_pending: int | None = None  # the signal that waits


class Stopped(KeyboardInterrupt):
    """A signal has stopped a run. The process ends with `code`."""

    def __init__(self, code: int, message: str = "") -> None:
        name = signal.Signals(code - FIRST_CODE).name
        by_signal = "interrupted" if name == "SIGINT" else f"stopped by {name}"
        super().__init__(message or by_signal)
        self.code = code
        self.run: Path | None = None  # the run folder; None before the run began


def install() -> None:
    """Installs the handler of the signals. An ignored signal stays ignored.

    A shell makes a command in the background ignore SIGINT, so that Ctrl-C stops only
    the command in the foreground. `nohup` makes a command ignore SIGHUP.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def _handle(number: int, _frame: FrameType | None) -> None:
    global _pending
    if number == signal.SIGHUP:
        drop_closed_terminal()
    if not _is_deferring or _pending is not None:
        raise Stopped(FIRST_CODE + number)
    _pending = number


def defer() -> None:
    """Makes the first signal from now on wait until `stop_if_pending` is called."""
    global _is_deferring, _pending
    if not _is_deferring:
        _is_deferring, _pending = True, None


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Makes the first signal wait for `stop_if_pending` or the end of the block."""
    global _is_deferring
    defer()
    try:
        yield
    finally:
        _is_deferring = False
    stop_if_pending()


@contextlib.contextmanager
def raise_hidden_interrupts() -> Iterator[None]:
    """Raises a `KeyboardInterrupt` of the block, even if a later error hides it.

    A signal may interrupt a library anywhere. The cleanup of the library may then fail,
    for instance because the interrupted code has not set a variable. Python raises the
    error of the cleanup, and the `KeyboardInterrupt` is only its context.
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
    return _pending or 0


def set_pending(number: int) -> None:
    """Makes a signal wait that another process has received; 0 means no signal."""
    global _pending
    if number:
        _pending = number


def stop_if_pending() -> None:
    """Stops the run if a signal waits."""
    if _pending is not None:
        raise Stopped(FIRST_CODE + _pending)
