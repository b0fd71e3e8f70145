"""Reads broken tables, YAML and settings as `check_only=true` does, for some time.

    PYTHONPATH=tests python -m fuzzing.run --seconds 180 --seed 1
    PYTHONPATH=tests python -m fuzzing.run --seed 1 --case 4711  # one input

An input may be read or refused in one line. A finding is anything else: another
exception, more than `LIMIT_SECONDS`, a process that dies, or a broken table that is
read. Each input follows from the seed and its number.
"""

import argparse
import faulthandler
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

LIMIT_SECONDS = 5
DEAD_AFTER_SECONDS = 20  # in C code, which no signal interrupts
MEMORY_BYTES = 8 << 30
COMPOSED_SHARE = 0.1  # composing takes ten times as long as reading a table
LONGEST_LINE = 2000


class Hang(BaseException):
    """An input took too long."""


class Inputs:
    """Makes inputs, and loads them.

    Args:
        seed: the seed of all inputs.
        folder: the folder to which inputs are written.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        from fuzzing.tables import KEYS, cells, text
        from hydra import compose, initialize_config_dir
        from omegaconf import OmegaConf

        from mtl_cli.core.paths import conf_folder

        self.seed, self.folder = seed, folder
        self.good = folder / "good.csv"
        self.good.write_bytes(text(cells(Random(0))))
        (folder / "conf" / "dataset").mkdir(parents=True, exist_ok=True)
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            composed = compose("config", ["trainer.patience=null"])
        values: Any = OmegaConf.to_container(composed, resolve=True)
        self.values = values | {"dataset": KEYS}

    def run(self, number: int) -> tuple[str, str | None]:
        """Makes and loads an input; returns its sort, and the finding if any."""
        rng = Random(f"{self.seed}:{number}")
        if rng.random() < COMPOSED_SHARE:
            composed = rng.choice([self.yaml, self.yaml, self.override])
            return composed.__name__, composed(rng)
        from fuzzing.arrow import ARROW
        from fuzzing.tables import TEXT, cells

        mutation = rng.choice(rng.choice([TEXT, ARROW]))
        columns = cells(rng)
        original = {name: list(values) for name, values in columns.items()}
        ending, content, expected = mutation(rng, columns)
        path = self.folder / f"table{ending}"
        path.write_bytes(content)
        finding = self.table(path, ending, content, expected, original)
        path.unlink()
        return f"{mutation.__name__}{ending}", finding

    def table(
        self, path: Path, ending: str, content: bytes, expected: str, original: Any
    ) -> str | None:
        """Loads a table; returns how the result differs from the oracle's."""
        from fuzzing import tables as oracle

        data, refused = load(self.values, path)
        if refused is not None:
            wrong = expected == oracle.SAME or not one_line(refused)
            return f"refused: {refused}" if wrong else None
        if expected == oracle.BROKEN:
            return "a broken table was read"
        if expected == oracle.SAME:
            ending, content = ".csv", oracle.text(original)
        if not ending.startswith((".csv", ".tsv")):
            return None
        try:
            difference = oracle.differ(oracle.labels_by_python(ending, content), data)
        except (ValueError, IndexError, EOFError, OSError) as error:
            return f"read, but Python cannot: {error}"
        return difference and f"read otherwise: {difference}"

    def yaml(self, rng: Random) -> str | None:
        """Loads a data set's YAML as the command does."""
        from fuzzing.yaml_files import broken

        content = broken(rng, str(self.good))
        (self.folder / "conf" / "dataset" / "fuzz.yaml").write_bytes(content)
        search = f"hydra.searchpath=[file://{self.folder}/conf]"
        return command([search, "dataset=fuzz", "trainer.patience=null"])

    def override(self, rng: Random) -> str | None:
        """Composes a command line as the command does."""
        from fuzzing.yaml_files import setting

        return command([setting(rng) for _ in range(rng.randrange(1, 4))], read=False)


def command(arguments: list[str], read: bool = True) -> str | None:
    """Does what the command does up to training; returns a badly told error."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from mtl_cli.cli.arguments import hydra_arguments
    from mtl_cli.cli.hydra_errors import explain
    from mtl_cli.config.check import check
    from mtl_cli.core.errors import ConfigError, DataError
    from mtl_cli.core.message_text import printable
    from mtl_cli.core.paths import conf_folder
    from mtl_cli.data.load import load as load_data

    GlobalHydra.instance().clear()
    try:
        tidied = hydra_arguments(arguments)
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            composed = compose("config", tidied)
    except ConfigError as error:
        message = str(error)
    except Exception as error:  # The command explains whatever Hydra raises.
        message = explain(error, arguments)
    else:
        try:
            config = check(composed)
            if read:
                load_data(config.dataset, config.outputs)
            return None
        except (ConfigError, DataError) as error:
            message = str(error)
    message = printable(message)
    return None if one_line(message) else f"told badly: {message[:200]!r}"


def load(values: dict[str, Any], path: Path) -> tuple[Any, str | None]:
    """Returns a data set, or the error that refuses it."""
    from omegaconf import OmegaConf

    from mtl_cli.config.check import check
    from mtl_cli.core.errors import ConfigError, DataError
    from mtl_cli.core.message_text import printable
    from mtl_cli.data.load import load as load_data

    dataset = values["dataset"] | {"train": str(path)}
    config = check(OmegaConf.create({**values, "dataset": dataset}))
    try:
        return load_data(config.dataset, config.outputs), None
    except (ConfigError, DataError) as error:
        return None, printable(str(error))


def one_line(message: str) -> bool:
    """Whether an error is a line that can be read."""
    filled = bool(message.strip())
    return filled and message.isprintable() and len(message) < LONGEST_LINE


def hang(*_: Any) -> None:
    raise Hang


def child(seed: int, first: int, until: float, folder: Path, only: bool) -> None:
    """Runs inputs one after another; writes a line for each that is done."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, hang)
    # No file outlives this process, so no file needs to reach the disk.
    os.fsync = lambda _: None
    warnings.simplefilter("error")
    inputs = Inputs(seed, folder)
    with (folder / "done.jsonl").open("a") as done:
        number = first
        while time.time() < until or only:
            faulthandler.dump_traceback_later(DEAD_AFTER_SECONDS, exit=True)
            signal.setitimer(signal.ITIMER_REAL, LIMIT_SECONDS)
            name, finding = "?", None
            try:
                name, finding = inputs.run(number)
            except Hang:
                finding = f"took more than {LIMIT_SECONDS} s"
            except Exception as error:
                if only:
                    raise
                finding = f"{type(error).__name__}: {error}"[:500]
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            done.write(json.dumps([number, name, finding]) + "\n")
            done.flush()
            for left in folder.glob("mtl-cli-*"):
                shutil.rmtree(left)
            number += 1
            if only:
                return


def fuzz(seed: int, seconds: float) -> tuple[Counter[str], list[str]]:
    """Runs inputs for a time.

    Returns: the number of inputs of each sort, and the findings.
    """
    until, first = time.time() + seconds, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "done.jsonl"
        environment = os.environ | {
            "MTL_CACHE": "",
            "TMPDIR": name,
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        while time.time() < until:
            command = [sys.executable, "-m", "fuzzing.run", "--child", name]
            command += ["--until", str(until)]
            command += ["--seed", str(seed), "--case", str(first)]
            ended = subprocess.run(
                command, env=environment, capture_output=True, text=True
            )
            lines = log.read_text().splitlines() if log.exists() else []
            first = json.loads(lines[-1])[0] + 1 if lines else first
            if ended.returncode:
                finding = f"the process died: {ended.returncode} {ended.stderr[-300:]}"
                with log.open("a") as file:
                    file.write(json.dumps([first, "?", finding]) + "\n")
                first += 1
        done = [json.loads(line) for line in log.read_text().splitlines()]
    findings = [f"{seed}:{number} {name}: {f}" for number, name, f in done if f]
    return Counter(name for _, name, _ in done), findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="run this one input")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.seed, options.case, options.until, Path(options.child), False)
        return 0
    if options.case is not None:
        with tempfile.TemporaryDirectory() as folder:
            child(options.seed, options.case, 0, Path(folder), True)
            print((Path(folder) / "done.jsonl").read_text())
        return 0
    counts, findings = fuzz(options.seed, options.seconds)
    for sort, count in sorted(counts.items()):
        print(f"{count:7,} {sort}")
    total = f"{sum(counts.values()):,} inputs, seed {options.seed}"
    print(f"{total}: {len(findings)} findings")
    print("\n".join(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
