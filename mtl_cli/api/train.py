"""Trains a model in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any, TextIO

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from mtl_cli.api.overrides import overrides_of
from mtl_cli.api.run import Run
from mtl_cli.core.errors import (
    ConfigError,
    DataError,
    LostWorkerError,
    TrainingError,
    WriteError,
)
from mtl_cli.core.paths import PACKAGE

# Ctrl-C before the child handles signals ends it without a traceback. The package is
# found last, so that it hides no module of Python's.
CHILD = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "sys.path.append({!r}); from mtl_cli.cli.child import main; "
    "main(sys.argv[1], sys.argv[2:])"
)
ERRORS = {
    "ConfigError": ConfigError,
    "DataError": DataError,
    "RowError": DataError,
    "LostWorkerError": LostWorkerError,
    "WriteError": WriteError,
}
# The flags and the starts of overrides that make `mtl-train` start several runs.
SWEEP_ARGUMENTS = ("-m", "--multirun", "sweep=", "repeats=", "compare.single_task=")
# The first Ctrl-C lets the run write a checkpoint, the second ends it at once.
INTERRUPTS_BEFORE_KILL = 2


def train(*overrides: str, **settings: Any) -> Run:
    """Trains one model, as the command `mtl-train` does, and waits for it.

    The training has a process of its own: it changes nothing in the caller's process.
    The output appears on the caller's `sys.stdout` and `sys.stderr`. After Ctrl-C the
    run writes a checkpoint; the same call again resumes the run.

    Args:
        overrides: settings as the command line takes them: `"model=ple"`.
        settings: the same as keywords: `model="ple"`, `trainer={"epochs": 2}`.

    Returns: the run. If its folder holds the finished run already, nothing is trained.

    Raises:
        ConfigError: if a setting is wrong.
        DataError: if the data does not fit the configuration.
        TrainingError: if training fails, or its process dies.
        KeyboardInterrupt: after Ctrl-C; the message names the checkpoint.

    Example:
        run = mtl_cli.train("model=mmoe", seed=2, trainer={"epochs": 3})
    """
    arguments = [*overrides, *overrides_of(settings)]
    for argument in arguments:
        if asks_for_sweep(argument):
            raise ConfigError(
                f"mtl_cli.train: {argument!r} asks for a sweep, but this function "
                "trains one model; run `mtl-train -m ...`, and read the sweep's folder "
                "with mtl_cli.compare"
            )
    with tempfile.TemporaryDirectory(prefix="mtl-cli-") as folder:
        result = Path(folder, "result.json")
        code = run_child([str(result), *arguments])
        if not result.exists():
            if code == 0:  # such as `--help`
                raise ConfigError(f"mtl_cli.train: {arguments} trains no model")
            if code == -signal.SIGINT:
                raise KeyboardInterrupt("interrupted before the run began")
            raise TrainingError(
                f"the training's process ended with code {code} and no message"
                + (" (out of memory?)" if code == -signal.SIGKILL else "")
            )
        outcome = json.loads(result.read_text("utf-8"))
    for failure in outcome["failures"]:
        if failure["error"] == "KeyboardInterrupt":
            raise KeyboardInterrupt(failure["message"])
        raise ERRORS.get(failure["error"], TrainingError)(failure["message"])
    if outcome["folder"] is None:
        raise ConfigError(f"mtl_cli.train: {arguments} trains no model")
    return Run(outcome["folder"])


def asks_for_sweep(argument: str) -> bool:
    """Whether an argument makes `mtl-train` start several runs."""
    if argument.lstrip("+~").startswith(SWEEP_ARGUMENTS):
        return True
    try:
        (override,) = OverridesParser.create().parse_overrides([argument])
    except OverrideParseException:  # a flag, or an error that the child explains
        return False
    return override.is_sweep_override()


def run_child(arguments: list[str]) -> int:
    """Runs the child process, shows its output, and returns its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", CHILD.format(str(PACKAGE.parent)), *arguments],
        # If this process dies, the pipe closes, and the child stops.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"},
        # Ctrl-C reaches this process alone, and this process passes it on.
        start_new_session=True,
    )
    copiers = [
        threading.Thread(target=copy, args=streams, daemon=True)
        for streams in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    ]
    for copier in copiers:
        copier.start()
    interrupts = 0
    try:
        while True:
            try:
                code = process.wait()
                break
            except KeyboardInterrupt:
                interrupts += 1
                if interrupts > INTERRUPTS_BEFORE_KILL:
                    raise
                process.send_signal(signal.SIGINT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for copier in copiers:
            copier.join()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    return code


def copy(source: IO[str], target: TextIO | None) -> None:
    """Copies a pipe to a stream, line by line; drops the lines if there is none."""
    for line in source:
        if target is not None:
            target.write(line)
            target.flush()
