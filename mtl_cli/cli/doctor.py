"""`mtl-doctor`: checks whether this installation works, and what it lacks.

The command starts even if all other packages are missing, and reports the missing ones.
"""

import contextlib
import io
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import NamedTuple, NoReturn

from mtl_cli.cli.installed_packages import (
    extras,
    import_problems,
    problems_with,
    requirements,
)
from mtl_cli.core import paths, tensorflow_runtime
from mtl_cli.core.atomic_write import temporary_folder
from mtl_cli.core.cache_folder import cache_folder
from mtl_cli.core.command_line import Parser, run_command
from mtl_cli.core.errors import ConfigError, MtlError, TrainingError
from mtl_cli.core.machine import memory_bytes, num_cores
from mtl_cli.core.message_text import printable
from mtl_cli.core.private_apis import exit_without_teardown
from mtl_cli.core.standard_streams import write_to_stdout
from mtl_cli.runs.outcome import failure_message

PROGRAM = "mtl-doctor"
EXAMPLES = """examples:
  mtl-doctor                # 20 seconds
  mtl-doctor --no-training
"""
REINSTALL = "install mtl-cli again"
MIN_AUC = 0.85  # one epoch of PLE reaches this test AUC of task income with any seed
GIB = 1 << 30


class Finding(NamedTuple):
    """The result of one check: for a broken or missing part, `text` holds the fix."""

    name: str
    text: str
    status: str = "ok"  # or `broken`, or `missing` if only some users need the part


def command() -> NoReturn:
    """Runs `mtl-doctor`, and then ends the process without slow cleanup."""
    exit_without_teardown(main(sys.argv[1:]))


def main(command_line: list[str]) -> int:
    """Runs the command, and returns its exit code; see `run_command`."""
    # The command keeps no files, so a note about files would only confuse.
    return run_command(PROGRAM, lambda: diagnose(command_line), stop_note="")


def diagnose(command_line: list[str]) -> int:
    """Prints the findings. Returns 1 if a part is broken, else 0."""
    parser = Parser(
        prog=PROGRAM,
        description="Checks whether this installation works, and what it lacks.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("--no-training", action="store_true", help="leave out the self-test")
    options = parser.parse_args(command_line)
    exit_code = 0
    for name, text, status in check_all(with_training=not options.no_training):
        write_to_stdout(printable(f"{status:8}{name:12} {text}") + "\n")
        sys.stdout.flush()
        if status == "broken":
            exit_code = 1
    return exit_code


def check_all(with_training: bool) -> Iterator[Finding]:
    """Runs all checks, and yields each finding as soon as it is known.

    If a command cannot be imported, only the checks that need no package are run.
    """
    packages, can_import_commands = check_packages()
    yield packages
    yield finding_of("files", check_files)
    yield check_cache()
    if not can_import_commands:
        return
    yield finding_of("devices", check_devices)
    yield from check_extras()
    if with_training:
        yield finding_of("training", check_training)


def finding_of(name: str, check: Callable[[], str]) -> Finding:
    """Runs a check that returns a text, or raises whatever a broken part raises."""
    try:
        return Finding(name, check())
    except MtlError as error:
        return Finding(name, str(error), "broken")
    except Exception as error:
        return Finding(name, f"{failure_message(error)}; {REINSTALL}", "broken")


def check_packages() -> tuple[Finding, bool]:
    """Checks Python and the packages that every run needs, and imports the commands.

    Returns: the finding, and whether all commands can be imported.
    """
    python = f"Python {platform.python_version()}"
    try:
        problems_of_import = import_problems()
        problems = [*problems_with(requirements()), *problems_of_import]
    except Exception as error:  # the metadata of mtl-cli or `packaging` is missing
        problems = problems_of_import = [failure_message(error)]
    if problems:
        text = f"{python}; {'; '.join(problems)}; {REINSTALL}"
        return Finding("packages", text, "broken"), problems_of_import == []
    names = ("mtl-cli", "tensorflow", "keras", "deepctr", "hydra-core")
    versions = [f"{name} {version(name)}" for name in names]
    return Finding("packages", ", ".join([python, *versions])), True


def check_files() -> str:
    """Checks that the configs and the bundled data exist."""
    config = paths.conf_folder() / "config.yaml"
    for path in (config, paths.resources_folder() / "data/adult"):
        if not path.exists():
            raise ConfigError(f"not found: {path}; {REINSTALL}")
    return f"configs in {paths.conf_folder()}"


def check_cache() -> Finding:
    """Checks that the cache of encoded data and compiled code can be written."""
    folder = cache_folder()
    if folder is None:
        text = "none: each run encodes and compiles everything again; set MTL_CACHE"
        return Finding("cache", text, "missing")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        text = f"{folder}: {error.strerror}; name another folder in MTL_CACHE"
        return Finding("cache", text, "broken")
    free = shutil.disk_usage(folder).free / GIB
    return Finding("cache", f"{folder}, {free:.1f} GiB free")


def check_devices() -> str:
    """Loads TensorFlow, and lists the devices on which it computes."""
    tensorflow_runtime.load()
    devices = tensorflow_runtime.describe()["device"]
    names = ", ".join(map(str, devices)) if isinstance(devices, list) else str(devices)
    return f"{names}, {num_cores()} cores, {memory_bytes() / GIB:.0f} GiB"


def check_extras() -> Iterator[Finding]:
    for extra in extras():
        packages = requirements(extra)
        if problems := problems_with(packages):
            fix = f"pip install 'mtl-cli[{extra}]'"
            yield Finding(extra, f"{'; '.join(problems)}; {fix}", "missing")
        else:
            names = ", ".join(f"{r.name} {version(r.name)}" for r in packages)
            yield Finding(extra, names)


def check_training() -> str:
    """Trains PLE on the bundled Adult data, and predicts with the saved model."""
    import pandas as pd

    from mtl_cli.api.model import load
    from mtl_cli.api.train import train

    start = time.monotonic()
    with temporary_folder("mtl-doctor-") as folder:
        # In the current folder, the user's own `./conf` could change the run.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.chdir(folder):
            settings = ["model=ple", "dataset=adult", "trainer.epochs=1"]
            run = train(*settings, "hydra.run.dir=run")
        rows = pd.read_parquet(paths.resources_folder() / "data/adult/test.parquet")
        predicted = load(run).predict(rows)["income"]
        is_equal = predicted == run.predictions["income_prediction"]
        rows_per_second = run.history["samples_per_second"].iloc[-1]
        auc = run.metrics["test"]["income"]["auc"]
    text = (
        f"an epoch of PLE on Adult has AUC {auc:.4f}, {rows_per_second:,.0f} "
        f"samples/s; {time.monotonic() - start:.0f} s in all"
    )
    if auc < MIN_AUC:
        raise TrainingError(f"{text}; AUC should be at least {MIN_AUC}; {REINSTALL}")
    if not is_equal.all():
        raise TrainingError(
            f"{text}; the saved model predicts other values than the trained model "
            f"did; {REINSTALL}"
        )
    return text


if __name__ == "__main__":
    command()
