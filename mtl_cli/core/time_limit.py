"""Ends work that takes too long, such as resolving endless interpolations."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from mtl_cli.core.errors import ConfigError

# A usual configuration takes a fifth of a second.
READ_SECONDS = 10


@contextlib.contextmanager
def limited_reading() -> Iterator[None]:
    """Raises a `ConfigError` if a block that reads a configuration takes too long.

    The limit is on CPU time of this process; time in which it waits does not count.
    Outside the main thread there is no limit, since only that thread receives signals.
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
