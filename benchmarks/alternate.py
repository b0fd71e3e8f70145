"""Runs commands of ours and of peers in turn.

Each command is a process of its own in an empty folder, so that none warms another up,
and every round runs all of them, so that a slow minute of the machine hits all alike.
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
        name: in tables.
        command: is left out, with a line that says so, if its program does not exist.
        read: what to keep of a run, from the folder it ran in and what it printed.
        variables: of the environment, added to ours.
    """

    name: str
    command: list[str]
    read: Callable[[Path, str], Result] = last_line
    variables: dict[str, str] = field(default_factory=dict)


def arguments(description: str, epochs: int | None = None) -> argparse.ArgumentParser:
    """Returns a parser of the options that all benchmarks have.

    Args:
        description: a module's docstring, whose first line is shown.
        epochs: that are trained if nothing else is said; None for no such option.
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
    """Returns our training of a configuration."""
    return Contender(name, [sys.executable, str(FOLDER / "ours.py"), *overrides])


def peer(
    folder: Path, package: str, script: str, *options: object, name: str | None = None
) -> Contender:
    """Returns a script of `peers/`, run by the environment of a peer.

    Args:
        folder: of the environments.
        package: the peer; its environment's name is that in lower case.
        script: its name.
        options: of the script.
        name: in tables; None for the package's.
    """
    python = str(folder.resolve() / package.lower() / "bin" / "python")
    script = str(FOLDER / "peers" / script)
    return Contender(name or package, [python, script, *map(str, options)])


def deepctr(folder: Path, script: str, *options: object) -> list[Contender]:
    """Returns DeepCTR on Keras 3 and on Keras 2.

    Installing DeepCTR brings Keras 3; its own CI sets the variable that chooses Keras
    2, whose `fit` costs less a step.
    """
    keras_3 = peer(folder, "DeepCTR", script, *options)
    keras_2 = {"TF_USE_LEGACY_KERAS": "1"}
    return [keras_3, replace(keras_3, name="DeepCTR, Keras 2", variables=keras_2)]


def alternate(contenders: list[Contender], repeats: int) -> dict[str, list[Result]]:
    """Runs all commands once, then all again, ...; returns the results by name.

    A command that cannot run, or fails once, is left out, with a line.
    """
    load = os.getloadavg()[0]
    if load > 0.5:
        tell(f"the machine is not idle: load {load:.1f}; the figures will be poor")
    results: dict[str, list[Result]] = {}
    for contender in contenders:
        if shutil.which(contender.command[0]):
            results[contender.name] = []
        else:
            program = contender.command[0]
            tell(f"{contender.name}: left out, no {program}; see benchmarks/README.md")
    for repeat in range(repeats):
        for contender in contenders:
            if contender.name not in results:
                continue
            try:
                result = run(contender)
            except RuntimeError as error:
                tell(f"{contender.name}: left out, {error}")
                del results[contender.name]
                continue
            results[contender.name].append(result)
            seconds = result["wall_seconds"]
            tell(f"{repeat + 1}/{repeats}  {contender.name}: {seconds:.1f} s")
    return results


def run(contender: Contender) -> Result:
    """Runs a command; returns what it says, and its seconds and memory.

    Raises:
        RuntimeError: with the last line of its errors, if it fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output, errors = folder / "stdout.txt", folder / "stderr.txt"
        # Encoded data is cached there, so every run encodes anew.
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
            # Linux counts from the parent's size on, which therefore stays small: no
            # benchmark command imports TensorFlow or makes data itself.
            "peak_memory_mb": usage.ru_maxrss / 1024,
            **contender.read(folder, output.read_text()),
        }


def tell(text: str) -> None:
    """Says how it goes, apart from the result."""
    print(text, file=sys.stderr, flush=True)
