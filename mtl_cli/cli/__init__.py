"""The commands, such as `mtl-train`, `mtl-compare` and `mtl-init`."""

import signal
import sys
from pathlib import Path
from types import TracebackType


def tell_error(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Prints an error that ends a command: one line if a package cannot be imported."""
    if not isinstance(error, ImportError):
        sys.__excepthook__(kind, error, traceback)
        return
    from mtl_cli.core.errors import FIX_OF_IMPORT, fail, first_line

    fail(PROGRAM, f"{first_line(error)}; {FIX_OF_IMPORT}", 1)


# Another program that imports this package keeps its own handlers.
PROGRAM = Path(*sys.argv[:1]).name
if PROGRAM.startswith("mtl-"):
    sys.excepthook = tell_error
    # Importing the modules of a command takes up to a second. Until then, Ctrl-C ends
    # the command without a traceback; `signals.install` sets the final handler.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
