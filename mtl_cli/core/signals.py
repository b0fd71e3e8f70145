"""Ends a run after Ctrl-C or SIGTERM: at once, or during training at a safe point.

A safe point of training is a call of `stop_if_pending`, after a checkpoint is written.
"""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SIGNALS = [int(number) for number in EXIT_CODES]
MESSAGES = {130: "interrupted", 143: "stopped by SIGTERM"}  # by exit code

_is_deferring = False
_pending: int | None = None


class Stopped(KeyboardInterrupt):
    """A signal has stopped a run.

    Attributes:
        code: the exit code of the process.
        run: the folder of the run; None if the run had not begun.
    """

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message or MESSAGES[code])
        self.code = code
        self.run: Path | None = None


def install() -> None:
    """Installs our handler of SIGINT and SIGTERM, except for an ignored signal.

    A shell that starts a command in the background makes it ignore SIGINT.
    """
    for number in EXIT_CODES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def _handle(number: int, _frame: FrameType | None) -> None:
    global _pending
    if not _is_deferring or _pending is not None:  # a second signal stops at once
        raise Stopped(EXIT_CODES[signal.Signals(number)])
    _pending = number


def defer() -> None:
    """Makes the first signal from now on wait for `stop_if_pending`."""
    global _is_deferring, _pending
    if not _is_deferring:
        _is_deferring, _pending = True, None


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Makes the first signal wait for `stop_if_pending`, or for the block's end."""
    global _is_deferring
    defer()
    try:
        yield
    finally:
        _is_deferring = False
    stop_if_pending()


@contextlib.contextmanager
def not_hidden() -> Iterator[None]:
    """Raises the interruption inside the block, although another error hides it.

    A signal may interrupt a library anywhere. If the library's cleaning up then fails,
    Python raises this error, and the interruption is only its context. OmegaConf, for
    one, reads a variable there that is not set yet.
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
    """Makes a signal wait that another process has received; 0 changes nothing."""
    global _pending
    _pending = number or _pending


def stop_if_pending() -> None:
    """Stops the run if a signal waits."""
    if _pending is not None:
        raise Stopped(EXIT_CODES[signal.Signals(_pending)])
