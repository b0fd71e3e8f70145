"""The commands, such as `mtl-train`, `mtl-compare` and `mtl-init`."""

import signal
import sys
from pathlib import Path

# Importing the modules of a command takes up to a second. Until then, Ctrl-C ends the
# command without a traceback; `signals.install` sets the final handler. Another program
# that imports this package keeps its own handler.
if Path(*sys.argv[:1]).name.startswith("mtl-") and (
    signal.getsignal(signal.SIGINT) is signal.default_int_handler
):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
