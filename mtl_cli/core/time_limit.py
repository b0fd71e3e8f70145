"""Ends work that takes too long, such as resolving endless interpolations."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from mtl_cli.core.errors import ConfigError


@contextlib.contextmanager
def cpu_limit(seconds: float, message: str) -> Iterator[None]:
    """Raises a `ConfigError` if the block takes more CPU time of this process.

    The limit counts no time in which the process waits. Outside the main thread there
    is no limit, since only the main thread receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise ConfigError(message)

    handler = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)
