"""The child process in which the Python function `mtl_cli.train` runs `mtl-train`."""

import contextlib
import json
import os
import signal
import sys
import threading
from argparse import ArgumentError
from pathlib import Path
from typing import NoReturn

from mtl_cli.cli.arguments import prints_only, split_plugins
from mtl_cli.cli.failures import PROGRAM, Failure
from mtl_cli.cli.train import train
from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.private_apis import exit_without_teardown
from mtl_cli.core.secrets import mask_secrets


def main(result_path: str, arguments: list[str]) -> NoReturn:
    """Runs a command line of `mtl-train`, and writes the outcome for the parent.

    The JSON file `result_path` gets {"failures": [...], "folder": PATH or null}. Each
    failure has the fields of `Failure`. PATH is the run folder, if the run has
    succeeded.
    """
    threading.Thread(target=stop_with_parent, daemon=True).start()
    sys.argv = [PROGRAM, *arguments]
    failures: list[Failure] = []
    folder = None
    only_prints = False  # as `--help` does
    with contextlib.suppress(ArgumentError, ConfigError):  # `train` explains them
        only_prints = prints_only(split_plugins(arguments)[1])
    if not only_prints:
        # A configuration may ask for a sweep, but the caller wants one run.
        failures, folder = train(arguments, ["hydra.mode=RUN"])
    outcome = {
        "failures": [mask_secrets(failure._asdict()) for failure in failures],
        "folder": None if folder is None else str(folder.absolute()),
    }
    write_text(Path(result_path), json.dumps(outcome))
    exit_without_teardown(failures[0].code if failures else 0)


def stop_with_parent() -> None:
    """Stops this run as soon as the parent process has ended.

    Stdin is a pipe from the parent. When the parent ends, even if it is killed, the
    system closes the pipe.
    """
    while os.read(0, 1):  # returns b"" when the pipe is closed
        pass
    os.kill(os.getpid(), signal.SIGTERM)
