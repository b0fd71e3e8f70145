"""The function `mtl_cli.train`: it trains a model in a child process."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any, TextIO

from mtl_cli.api.overrides import overrides_of
from mtl_cli.api.run import Run
from mtl_cli.config.overrides import adds_runs
from mtl_cli.core.errors import (
    ConfigError,
    DataError,
    LostWorkerError,
    TrainingError,
    WriteError,
    first_line,
)
from mtl_cli.core.paths import PACKAGE
from mtl_cli.core.signals import Stopped
from mtl_cli.sweep.folder_names import is_swept

# The program of the child process. SIGINT gets its default action: until the child
# installs its own handler, Ctrl-C thus ends the child without a traceback. The folder
# that holds `mtl_cli` is added at the end of `sys.path`: at the start, a file of this
# folder, such as `random.py`, would replace a module of Python.
CHILD_PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "sys.path.append({!r}); from mtl_cli.cli.child import main; "
    "main(sys.argv[1], sys.argv[2:])"
)
# {name of an exception in the child: exception to raise in this process}; any other
# exception becomes a `TrainingError`.
ERRORS = {
    "ConfigError": ConfigError,
    "DataError": DataError,
    "RowError": DataError,
    "LostWorkerError": LostWorkerError,
    "WriteError": WriteError,
}
# An argument that starts like this makes `mtl-train` start several runs.
SWEEP_PREFIXES = ("-m", "--multirun", "sweep=", "compare=", "hydra.mode=")
# After the first Ctrl-C, the child writes a checkpoint and ends. After the second, it
# ends at once. A third Ctrl-C kills it.
INTERRUPTS_BEFORE_KILL = 2


def train(*overrides: str, **settings: Any) -> Run:
    """Trains one model, as the command `mtl-train` does.

    The training runs in a child process, so it changes nothing in the caller's process.
    The output of the training appears on the caller's `sys.stdout` and `sys.stderr`.
    After Ctrl-C the run writes a checkpoint. The same call then resumes the run.

    Args:
        overrides: settings as on the command line, such as `"model=ple"`; also
            `"--plugins=FOLDER"`.
        settings: settings as keyword arguments, such as `model="ple"` or
            `trainer={"epochs": 2}`.

    Returns: the run. If its folder already holds the finished run, that run is returned
        without training.

    Raises:
        ConfigError: if a setting is wrong.
        DataError: if the data does not fit the configuration.
        TrainingError: if training fails, or the child process dies.
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
    outcome = run_child(arguments)
    for failure in outcome["failures"]:
        if failure["kind"] == "KeyboardInterrupt":
            raise KeyboardInterrupt(failure["message"])
        raise ERRORS.get(failure["kind"], TrainingError)(failure["message"])
    if outcome["folder"] is None:
        raise ConfigError(f"mtl_cli.train: {arguments} trains no model")
    run = Run(outcome["folder"])
    if not run.folder.exists():  # `check_only=true` leaves no folder
        vars(run)["metrics"] = {}  # the value of the cached property
    return run


def run_child(arguments: list[str]) -> dict[str, Any]:
    """Runs `mtl-train` with some arguments in a child process.

    Returns: the outcome that the child has written; see `mtl_cli.cli.child`.

    Raises:
        KeyboardInterrupt: if Ctrl-C has ended the child before it wrote an outcome.
        TrainingError: if the child has died.
    """
    with tempfile.TemporaryDirectory(prefix="mtl-cli-") as folder:
        outcome_file = Path(folder, "result.json")
        exit_code = wait_for_child(start_child([str(outcome_file), *arguments]))
        if outcome_file.exists():
            outcome: dict[str, Any] = json.loads(outcome_file.read_text("utf-8"))
            return outcome
    if exit_code == -signal.SIGINT:
        raise KeyboardInterrupt("interrupted before the run began")
    if exit_code:
        guess = " (out of memory?)" if exit_code == -signal.SIGKILL else ""
        raise TrainingError(
            f"the training's process ended with code {exit_code} and no message{guess}"
        )
    return {"failures": [], "folder": None}  # for instance after `--help`


def asks_for_sweep(argument: str) -> bool:
    """Whether an argument makes `mtl-train` start several runs."""
    setting = argument.lstrip("+~")
    if setting.startswith(SWEEP_PREFIXES) or adds_runs(setting):
        return True
    # `adds_runs` has already found `repeats=N` with N > 1. `is_swept` also holds for
    # `repeats=1`, which is a single run. `is_swept` does not hold for a wrong argument:
    # the child explains what is wrong with it.
    return is_swept(argument) and not setting.startswith("repeats=")


def start_child(arguments: list[str]) -> "subprocess.Popen[str]":
    """Starts the child process.

    Args:
        arguments: the path of the file to which the child writes its outcome, then the
            arguments of `mtl-train`.

    Raises:
        ConfigError: if the system cannot pass the arguments on.
    """
    program = CHILD_PROGRAM.format(str(PACKAGE.parent))
    try:
        return subprocess.Popen(
            # With -P, the current folder is not searched for modules.
            [sys.executable, "-P", "-c", program, *arguments],
            # If this process dies, the pipe is closed. The child then stops.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"},
            # In its own session, the child receives no Ctrl-C from the terminal.
            # `wait_for_child` passes each Ctrl-C on.
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # too long, or with a null character
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ConfigError(
            f"mtl_cli.train: the settings cannot be passed to a process: {reason}; "
            "write them to a YAML file in ./conf"
        ) from None


def wait_for_child(process: "subprocess.Popen[str]") -> int:
    """Waits for the child process, and copies its output to this process.

    Returns: the exit code of the child.
    """
    copiers = [
        threading.Thread(target=copy_lines, args=streams, daemon=True)
        for streams in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    ]
    for copier in copiers:
        copier.start()
    try:
        return pass_interrupts_on(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for copier in copiers:
            copier.join()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def pass_interrupts_on(process: "subprocess.Popen[str]") -> int:
    """Waits for the child process, and passes each Ctrl-C on to the child.

    Returns: the exit code of the child.

    Raises:
        KeyboardInterrupt: at the first Ctrl-C after `INTERRUPTS_BEFORE_KILL` others. If
            a command such as `mtl-doctor` runs the training: at any signal that stops
            the command.
    """
    num_interrupts = 0
    while True:
        try:
            return process.wait()
        except Stopped:  # only commands raise this `KeyboardInterrupt`
            raise
        except KeyboardInterrupt:
            num_interrupts += 1
            if num_interrupts > INTERRUPTS_BEFORE_KILL:
                raise
            process.send_signal(signal.SIGINT)


def copy_lines(source: IO[str], target: TextIO | None) -> None:
    """Copies a pipe to a stream, line by line.

    If there is no stream, or if it takes no more text, the lines are read and dropped:
    the child would wait for ever if nobody read its pipe. Characters that the stream's
    encoding lacks become question marks.
    """
    for line in source:
        if target is None:
            continue
        try:
            encoding = getattr(target, "encoding", None) or "utf-8"
            target.write(line.encode(encoding, "replace").decode(encoding))
            target.flush()
        # The caller's stream may be anything: a closed pipe, or an object without
        # `flush`.
        except Exception:
            target = None
