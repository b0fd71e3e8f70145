"""The promises that a drill checks, and its report."""

import os
import time
from collections.abc import Callable

# Multiplies the limits; a slow or busy machine needs a factor above 1.
PATIENCE_FACTOR = float(os.environ.get("PATIENCE_FACTOR", "1"))
PATIENCE_SECONDS = 180 * PATIENCE_FACTOR
REFUSAL_SECONDS = 15 * PATIENCE_FACTOR  # until a run without its server is refused
FAILURES: list[str] = []


def expect(claim: str, holds: object, shown: object = "") -> None:
    """Prints whether a promise is kept."""
    print(f"  {'kept  ' if holds else 'BROKEN'}  {claim}", flush=True)
    if not holds:
        FAILURES.append(claim)
        print(f"          {shown}", flush=True)


def report() -> int:
    """Returns the exit code of a drill."""
    print(f"{len(FAILURES)} promises are broken" if FAILURES else "all is kept")
    return int(bool(FAILURES))


def wait_until(
    condition: Callable[[], object], seconds: float = PATIENCE_SECONDS
) -> None:
    """Waits for a condition.

    Raises:
        TimeoutError: if the condition does not come true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.1)
