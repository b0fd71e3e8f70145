"""Runs the commands of a benchmark in turn: mtl-cli and its peers.

Each command runs in a process of its own and in an empty folder, so that no command
warms up another. Each round runs every command once, so that a slow minute of the
machine affects all of them.
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
    """Returns the result that a process printed: its last line of JSON."""
    return json.loads([x for x in output.splitlines() if x.startswith("{")][-1])


@dataclass(frozen=True)
class Contender:
    """A command to measure.

    Attributes:
        name: the name of the contender in tables.
        command: the program and its arguments. If the program does not exist, the
            contender is left out, and a message says so.
        read: returns the result of a run from the run's folder and its stdout.
        variables: environment variables of the command.
    """

    name: str
    command: list[str]
    read: Callable[[Path, str], Result] = last_line
    variables: dict[str, str] = field(default_factory=dict)


def arguments(description: str, epochs: int | None = None) -> argparse.ArgumentParser:
    """Returns a parser with the options that all benchmarks have.

    Args:
        description: the docstring of the benchmark. `--help` shows its first line.
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
            help="2 or more; the speed is measured after the first",
        )
    return parser


def ours(*overrides: str, name: str = OURS) -> Contender:
    """Returns the contender that trains a configuration with mtl-cli."""
    return Contender(name, [sys.executable, str(FOLDER / "ours.py"), *overrides])


def peer(
    folder: Path, package: str, script: str, *options: object, name: str | None = None
) -> Contender:
    """Returns the contender that runs a script of `peers/` in a peer's environment.

    Args:
        folder: the folder of the peers' environments.
        package: the name of the peer. In lower case it is the name of the environment.
        script: the file name of the script.
        options: the arguments of the script.
        name: the name of the contender in tables; None for the name of the peer.
    """
    python = str(folder.resolve() / package.lower() / "bin" / "python")
    script = str(FOLDER / "peers" / script)
    return Contender(name or package, [python, script, *map(str, options)])


def deepctr(folder: Path, script: str, *options: object) -> list[Contender]:
    """Returns two contenders: DeepCTR on Keras 3 and on Keras 2.

    Installing DeepCTR installs Keras 3. DeepCTR's own CI sets an environment variable
    that chooses Keras 2, where a step of `fit` takes less time.
    """
    keras_3 = peer(folder, "DeepCTR", script, *options)
    use_keras_2 = {"TF_USE_LEGACY_KERAS": "1"}
    keras_2 = replace(keras_3, name="DeepCTR, Keras 2", variables=use_keras_2)
    return [keras_3, keras_2]


def alternate(contenders: list[Contender], repeats: int) -> dict[str, list[Result]]:
    """Runs all commands once per round, and prints the seconds of each run.

    A command that cannot run, or that fails once, is left out, and a message says so.

    Args:
        contenders: the commands.
        repeats: the number of rounds.

    Returns: {contender: results of its runs}.
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
    """Runs a command, and returns its result with its seconds and its peak memory.

    Raises:
        RuntimeError: if the command fails. The message holds the last line of stderr.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output, errors = folder / "stdout.txt", folder / "stderr.txt"
        # Each run has a cache of its own, so that it encodes its data.
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
            text = errors.read_text().strip() or "nothing on stderr"
            last_error = text.splitlines()[-1]
            raise RuntimeError(f"exit code {process.returncode}: {last_error}")
        return {
            "wall_seconds": seconds,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            # On Linux this is at least the memory of the parent process. The parent
            # stays small: no benchmark imports TensorFlow or makes data in its own
            # process.
            "peak_memory_mb": usage.ru_maxrss / 1024,
            **contender.read(folder, output.read_text()),
        }


def print_status(text: str) -> None:
    """Prints a message to stderr, since stdout is for the results."""
    print(text, file=sys.stderr, flush=True)
