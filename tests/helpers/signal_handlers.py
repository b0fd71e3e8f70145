"""Keeps what a test does with signals from the other tests."""

import contextlib
import signal
from collections.abc import Iterator

from mtl_cli.core.signals import SIGNALS


@contextlib.contextmanager
def own_signal_handlers() -> Iterator[None]:
    """Restores the handlers of signals after a block, in which SIGINT is not ignored.

    A shell makes a command in the background ignore SIGINT.
    """
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
