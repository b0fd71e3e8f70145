"""What Ctrl-C and SIGTERM do: end the run, where it trains at the next safe point."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SIGNALS = [int(number) for number in EXIT_CODES]
WORDS = {130: "interrupted", 143: "stopped by SIGTERM"}

_held = False
_wanted: int | None = None


class Stopped(KeyboardInterrupt):
    """A run was ended by a signal.

    Attributes:
        code: the exit code.
        run: the folder of the run, if one had begun.
    """

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message or WORDS[code])
        self.code = code
        self.run: Path | None = None


def install() -> None:
    """Takes Ctrl-C, unless the process was started deaf to it, and SIGTERM."""
    for number in EXIT_CODES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _answer)


def _answer(number: int, _frame: FrameType | None) -> None:
    global _wanted
    if not _held or _wanted is not None:  # the second signal ends at once
        raise Stopped(EXIT_CODES[signal.Signals(number)])
    _wanted = number


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Holds the first signal back until `check`, or the end of the block."""
    global _held, _wanted
    _held, _wanted = True, None
    try:
        yield
    finally:
        _held = False
    check()


def wanted() -> int:
    """Returns the number of the signal that is held back; 0 if there is none."""
    return _wanted or 0


def want(number: int) -> None:
    """Stops at the next `check` as if a signal had come; 0 does nothing."""
    global _wanted
    _wanted = number or _wanted


def check() -> None:
    """Ends the run if a signal is held back."""
    if _wanted is not None:
        raise Stopped(EXIT_CODES[signal.Signals(_wanted)])
