"""`mtl-doctor`: checks whether this installation works, and what it lacks.

The import of this module needs no other package, and the command goes on without those
that are missing.
"""

import contextlib
import io
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    metadata,
    requires,
    version,
)
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from mtl_cli.core import paths, tensorflow_runtime
from mtl_cli.core.atomic_write import FREE_SPACE
from mtl_cli.core.cache_folder import cache_folder
from mtl_cli.core.command_line import Parser, run_command
from mtl_cli.core.errors import ConfigError, MtlError, WriteError, fix_for
from mtl_cli.core.machine import memory_bytes, num_cores
from mtl_cli.core.message_text import printable
from mtl_cli.core.private_apis import exit_without_teardown
from mtl_cli.core.standard_streams import write_to_stdout
from mtl_cli.runs.outcome import failure_message

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PROGRAM = "mtl-doctor"
EXAMPLES = """examples:
  mtl-doctor                # 20 seconds
  mtl-doctor --no-training
"""
# Extras that only developers of mtl-cli need.
DEVELOPMENT_EXTRAS = {"dev", "docs"}
MIN_AUC = 0.85  # one epoch of PLE reaches this test AUC of task income with any seed
GIB = 1 << 30


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
        name: the checked part of the installation.
        text: the result, with a fix if the part is broken or missing.
        status: `ok`, `broken`, or `missing` if only some users need the part.
    """

    name: str
    text: str
    status: str = "ok"


def command() -> NoReturn:
    """Runs `mtl-doctor`, and then ends the process without slow cleanup."""
    exit_without_teardown(main(sys.argv[1:]))


def main(command_line: list[str]) -> int:
    """Runs the command, and returns its exit code; see `run_command`."""
    # The command writes no files, so a note about files would only confuse.
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
    code = 0
    for name, text, status in check_all(with_training=not options.no_training):
        write_to_stdout(printable(f"{status:8}{name:12} {text}") + "\n")
        sys.stdout.flush()
        if status == "broken":
            code = 1
    return code


def check_all(with_training: bool) -> Iterator[Finding]:
    """Runs all checks, and yields each finding as soon as it is known.

    If commands cannot be imported, only the checks that need no package are run.
    """
    packages, can_import = check_packages()
    yield packages
    yield check_files()
    yield check_cache()
    if not can_import:
        return
    yield check_devices()
    yield from check_extras()
    if with_training:
        yield check_training()


def check_packages() -> tuple[Finding, bool]:
    """Checks Python and the packages that every run needs, and imports the commands.

    Returns: the finding, and whether all commands can be imported.
    """
    try:
        problems = problems_with(requirements())
    except ModuleNotFoundError as error:  # `requirements` needs a package itself
        problems = [f"{error.name} is not installed"]
    # A second import of a broken package can succeed, so the first one decides.
    not_imported = import_problems()
    problems = problems or not_imported  # a missing package is named once
    python = f"Python {platform.python_version()}"
    if problems:
        text = f"{python}; {'; '.join(problems)}; install mtl-cli again"
        return Finding("packages", text, "broken"), not not_imported
    names = ("mtl-cli", "tensorflow", "keras", "deepctr", "hydra-core")
    versions = [f"{name} {version(name)}" for name in names]
    return Finding("packages", ", ".join([python, *versions])), True


def check_files() -> Finding:
    """Checks that the configs and the bundled data exist."""
    missing = [
        str(path)
        for path in (
            paths.conf_folder() / "config.yaml",
            paths.resources_folder() / "data/adult",
        )
        if not path.exists()
    ]
    if missing:
        text = f"not found: {', '.join(missing)}; install mtl-cli again"
        return Finding("files", text, "broken")
    return Finding("files", f"configs in {paths.conf_folder()}")


def check_cache() -> Finding:
    """Checks that the cache of encoded data and compiled code can be written."""
    try:
        folder = cache_folder()
    except ConfigError as error:
        return Finding("cache", str(error), "broken")
    if folder is None:
        text = "none: each run encodes and compiles everything again; set MTL_CACHE"
        return Finding("cache", text, "missing")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        fix = fix_for(error, "name another folder in MTL_CACHE")
        text = f"{folder}: {error.strerror}; {fix}"
        return Finding("cache", text, "broken")
    free = shutil.disk_usage(folder).free / GIB
    return Finding("cache", f"{folder}, {free:.1f} GiB free")


def check_devices() -> Finding:
    """Loads TensorFlow, and lists the devices on which it computes."""
    try:
        tensorflow_runtime.load()
        devices = tensorflow_runtime.describe()["device"]
    except Exception as error:  # whatever a broken installation raises
        return Finding("devices", failure_message(error), "broken")
    memory = memory_bytes() / GIB
    names = ", ".join(map(str, devices)) if isinstance(devices, list) else str(devices)
    return Finding("devices", f"{names}, {num_cores()} cores, {memory:.0f} GiB")


def check_extras() -> Iterator[Finding]:
    """Yields a finding for each extra of the package, such as `mlflow`."""
    extras = metadata("mtl-cli").get_all("Provides-Extra") or []
    for extra in sorted(set(extras) - DEVELOPMENT_EXTRAS):
        packages = requirements(extra)
        if problems := problems_with(packages):
            fix = f"pip install 'mtl-cli[{extra}]'"
            yield Finding(extra, f"{'; '.join(problems)}; {fix}", "missing")
        else:
            names = ", ".join(f"{r.name} {version(r.name)}" for r in packages)
            yield Finding(extra, names)


def check_training() -> Finding:
    """Trains PLE on the bundled Adult data, and predicts with the saved model."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mtl-doctor-") as folder:
        try:
            auc, speed, predicts_the_same = train_and_predict(folder)
        except WriteError as error:
            # The fix in the message resumes a run, but this folder will be removed.
            problem = str(error).partition(";")[0]
            return Finding("training", f"{problem}; {FREE_SPACE}", "broken")
        except MtlError as error:
            return Finding("training", str(error), "broken")
        except Exception as error:  # whatever a broken installation raises
            text = f"{type(error).__name__}: {error}; install mtl-cli again"
            return Finding("training", text, "broken")
    text = (
        f"an epoch of PLE on Adult has AUC {auc:.4f}, {speed:,.0f} "
        f"samples/s; {time.monotonic() - started:.0f} s in all"
    )
    if auc < MIN_AUC:
        text = f"{text}; the AUC should be at least {MIN_AUC}; install mtl-cli again"
        return Finding("training", text, "broken")
    if not predicts_the_same:
        text += "; the saved model predicts other values than the trained model did"
        return Finding("training", f"{text}; install mtl-cli again", "broken")
    return Finding("training", text)


def train_and_predict(folder: str) -> tuple[float, float, bool]:
    """Trains one epoch of PLE in a folder, and predicts the test rows.

    Returns: the test AUC of task income; training rows per second; and whether the
        saved model predicts the same values as the trained model did.
    """
    import pandas as pd

    from mtl_cli.api.model import load
    from mtl_cli.api.train import train

    # In the current folder, the user's own `./conf` could change the run.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.chdir(folder):
        run = train("trainer.epochs=1", "hydra.run.dir=run")
    rows = pd.read_parquet(paths.resources_folder() / "data/adult/test.parquet")
    predicted = load(run).predict(rows)["income"]
    is_equal = predicted == run.predictions["income_prediction"]
    speed = run.history["samples_per_second"].iloc[-1]
    return run.metrics["test"]["income"]["auc"], speed, bool(is_equal.all())


def import_problems() -> list[str]:
    """Returns why commands cannot be imported, as for a package of a package."""
    problems = []
    for command in distribution("mtl-cli").entry_points:
        try:
            command.load()
        except Exception as error:  # whatever a broken installation raises
            problems.append(failure_message(error))
    return list(dict.fromkeys(problems))


def requirements(extra: str = "") -> "list[Requirement]":
    """Returns the packages that every run needs or, for an extra, those that it adds.

    The requirements come from the metadata of the installed mtl-cli.
    """
    from packaging.requirements import Requirement

    needed_by_all = []
    needed_by_extra = []
    for text in requires("mtl-cli") or []:
        requirement = Requirement(text)
        marker = requirement.marker  # such as `extra == "mlflow"`
        if marker is None or marker.evaluate({"extra": ""}):
            needed_by_all.append(requirement)
        elif marker.evaluate({"extra": extra}):
            needed_by_extra.append(requirement)
    return needed_by_extra if extra else needed_by_all


def problems_with(packages: "list[Requirement]") -> list[str]:
    """Returns why requirements are not met; [] if all are met."""
    return [problem for package in packages if (problem := problem_with(package))]


def problem_with(requirement: "Requirement") -> str:
    """Returns why a requirement is not met; "" if it is met."""
    try:
        package = distribution(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    for file in package.files or []:
        is_main = len(file.parts) == 2 and file.name == "__init__.py"
        if is_main and not os.path.exists(str(file.locate())):
            return f"{requirement.name} is damaged: there is no file {file}"
    installed = package.version
    if not requirement.specifier.contains(installed, prereleases=True):
        return (
            f"{requirement.name} {installed} is installed, but mtl-cli needs "
            f"{requirement.name}{requirement.specifier}"
        )
    return ""


if __name__ == "__main__":
    command()
