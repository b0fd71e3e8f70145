"""Runs `mtl-train` as the child process of `mtl_cli.train`."""

import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from mtl_cli.cli.train import train
from mtl_cli.core.private_doors import exit_without_teardown
from mtl_cli.core.secrets import mask_secrets


def main(result: str, arguments: list[str]) -> NoReturn:
    """Runs a command line, and tells the parent how it ended.

    Args:
        result: the file to write the failures, or the run folder, to.
        arguments: the command line.
    """
    threading.Thread(target=stop_with_parent, daemon=True).start()
    sys.argv = ["mtl-train", *arguments]
    # A configuration may ask for a sweep, but the caller wants one run.
    failures, folder = train(arguments, ["hydra.mode=RUN"])
    outcome = {
        "failures": [mask_secrets(asdict(failure)) for failure in failures],
        "folder": None if folder is None else str(folder.absolute()),
    }
    temporary = Path(f"{result}.tmp")
    temporary.write_text(json.dumps(outcome), "utf-8")
    temporary.replace(result)
    exit_without_teardown(failures[0].code if failures else 0)


def stop_with_parent() -> None:
    """Waits until the parent has closed the pipe to stdin, then stops this run."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
