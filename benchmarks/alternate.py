"""Runs commands of mtl-cli and of peers in turn.

Each command is a process of its own in an empty folder, so that no command warms up
another. Every round runs all commands, so that a slow minute of the machine affects
all of them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
MTL_TRAIN = str(Path(sys.executable).with_name("mtl-train"))
OURS = "mtl-cli"

Result = dict[str, Any]


def last_line(_folder: Path, output: str) -> Result:
    """Returns the last line of JSON that a process printed."""
    return json.loads([x for x in output.splitlines() if x.startswith("{")][-1])


@dataclass(frozen=True)
class Contender:
    """A command that is measured.

    Attributes:
        name: the contender's name in tables.
        command: the program and its arguments. A contender whose program does not exist
            is left out, and a line says so.
        read: returns the result of a run from its folder and its stdout.
        variables: environment variables to add.
    """

    name: str
    command: list[str]
    read: Callable[[Path, str], Result] = last_line
    variables: dict[str, str] = field(default_factory=dict)


def arguments(description: str, epochs: int | None = None) -> argparse.ArgumentParser:
    """Returns a parser of the options that all benchmarks have.

    Args:
        description: a module's docstring; the help shows its first line.
        epochs: the default number of epochs; None for a benchmark without epochs.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3, help="runs of each command")
    parser.add_argument(
        "--peers",
        type=Path,
        default=FOLDER.parent / ".peers",
        help="folder of the peers' environments (default: %(default)s)",
    )
    if epochs is not None:
        parser.add_argument(
            "--epochs",
            type=int,
            default=epochs,
            help="2 or more: speed is without the first",
        )
    return parser


def ours(*overrides: str, name: str = OURS) -> Contender:
    """Returns the training of a configuration by mtl-cli."""
    return Contender(name, [sys.executable, str(FOLDER / "ours.py"), *overrides])


def peer(
    folder: Path, package: str, script: str, *options: object, name: str | None = None
) -> Contender:
    """Returns a script of `peers/`, run by the environment of a peer.

    Args:
        folder: the folder of the peers' environments.
        package: the name of the peer; in lower case, the name of its environment.
        script: the file name of the script.
        options: the arguments of the script.
        name: the contender's name in tables; None for the package.
    """
    python = str(folder.resolve() / package.lower() / "bin" / "python")
    script = str(FOLDER / "peers" / script)
    return Contender(name or package, [python, script, *map(str, options)])


def deepctr(folder: Path, script: str, *options: object) -> list[Contender]:
    """Returns DeepCTR on Keras 3 and on Keras 2.

    Installing DeepCTR brings Keras 3. DeepCTR's own CI sets the variable that chooses
    Keras 2; there a step of `fit` costs less.
    """
    keras_3 = peer(folder, "DeepCTR", script, *options)
    keras_2 = {"TF_USE_LEGACY_KERAS": "1"}
    return [keras_3, replace(keras_3, name="DeepCTR, Keras 2", variables=keras_2)]


def alternate(contenders: list[Contender], repeats: int) -> dict[str, list[Result]]:
    """Runs all commands once, then all again, ...; returns the results by name.

    A command that cannot run, or that fails once, is left out, and a line says so.
    """
    load = os.getloadavg()[0]
    if load > 0.5:
        print_status(
            f"the machine is not idle: load {load:.1f}; the figures will be poor"
        )
    results: dict[str, list[Result]] = {}
    for contender in contenders:
        if shutil.which(contender.command[0]):
            results[contender.name] = []
        else:
            program = contender.command[0]
            print_status(
                f"{contender.name}: left out, no {program}; see benchmarks/README.md"
            )
    for repeat in range(repeats):
        for contender in contenders:
            if contender.name not in results:
                continue
            try:
                result = run(contender)
            except RuntimeError as error:
                print_status(f"{contender.name}: left out, {error}")
                del results[contender.name]
                continue
            results[contender.name].append(result)
            seconds = result["wall_seconds"]
            print_status(f"{repeat + 1}/{repeats}  {contender.name}: {seconds:.1f} s")
    return results


def run(contender: Contender) -> Result:
    """Runs a command; returns its result, its seconds and its peak memory.

    Raises:
        RuntimeError: if the command fails; the message holds its last line of stderr.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output, errors = folder / "stdout.txt", folder / "stderr.txt"
        # The cache is in the run's own folder, so that every run encodes anew.
        cache = {"MTL_CACHE": str(folder / "cache")}
        with output.open("w") as out, errors.open("w") as err:
            start = time.perf_counter()
            process = subprocess.Popen(
                contender.command,
                cwd=folder,
                env=os.environ | cache | contender.variables,
                stdout=out,
                stderr=err,
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            last = (errors.read_text().strip() or "nothing on stderr").splitlines()[-1]
            raise RuntimeError(f"exit code {process.returncode}: {last}")
        return {
            "wall_seconds": seconds,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            # On Linux the figure is at least the parent's size. The parent stays small:
            # no benchmark command imports TensorFlow or makes data in its own process.
            "peak_memory_mb": usage.ru_maxrss / 1024,
            **contender.read(folder, output.read_text()),
        }


def print_status(text: str) -> None:
    """Prints a message to stderr; stdout is for the results."""
    print(text, file=sys.stderr, flush=True)
