"""Limits the time of reading a configuration.

A few lines of YAML can hold interpolations that expand for hours.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from mtl_cli.core.errors import ConfigError

READ_SECONDS = 10  # usually reading takes a fifth of a second


@contextlib.contextmanager
def limited_reading() -> Iterator[None]:
    """Raises a `ConfigError` if the block takes more CPU time than `READ_SECONDS`.

    Only the main thread can receive the signal that ends the block. In any other thread
    there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise ConfigError(
            f"the configuration takes more than {READ_SECONDS} s to read; it is too "
            "large, or its interpolations expand to too much"
        )

    handler = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, READ_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)
