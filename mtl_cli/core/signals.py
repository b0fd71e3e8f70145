"""Ends a run after Ctrl-C or SIGTERM: at once, or in training at a safe point."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SIGNALS = [int(number) for number in EXIT_CODES]
MESSAGES = {130: "interrupted", 143: "stopped by SIGTERM"}

_is_deferring = False
_pending: int | None = None


class Stopped(KeyboardInterrupt):
    """A signal has ended a run.

    Attributes:
        code: the exit code.
        run: the folder of the run, if the run had begun.
    """

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message or MESSAGES[code])
        self.code = code
        self.run: Path | None = None


def install() -> None:
    """Handles SIGTERM, and Ctrl-C unless the process was started to ignore it."""
    for number in EXIT_CODES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def _handle(number: int, _frame: FrameType | None) -> None:
    global _pending
    if not _is_deferring or _pending is not None:  # the second signal ends at once
        raise Stopped(EXIT_CODES[signal.Signals(number)])
    _pending = number


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Defers the first signal to `stop_if_pending`, or to the end of the block."""
    global _is_deferring, _pending
    _is_deferring, _pending = True, None
    try:
        yield
    finally:
        _is_deferring = False
    stop_if_pending()


def pending() -> int:
    """Returns the number of the deferred signal; 0 if there is none."""
    return _pending or 0


def set_pending(number: int) -> None:
    """Acts as if a signal had come and was deferred; number 0 does nothing."""
    global _pending
    _pending = number or _pending


def stop_if_pending() -> None:
    """Ends the run if a signal is deferred."""
    if _pending is not None:
        raise Stopped(EXIT_CODES[signal.Signals(_pending)])
