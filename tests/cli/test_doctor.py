"""`mtl-doctor`: what works, what is missing, what is broken."""

import errno
import re
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement

import mtl_cli
from mtl_cli.api import train as api_train
from mtl_cli.cli import doctor, installed_packages
from mtl_cli.core import paths, tensorflow_runtime
from mtl_cli.core.errors import TrainingError


def test_installation_of_the_tests_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--no-training"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:4]] == [
        ["ok", "packages"],
        ["ok", "files"],
        ["ok", "cache"],
        ["ok", "devices"],
    ]
    assert not any("training" in line.split()[:2] for line in lines)


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        ("numpy>=1", ""),
        (
            "numpy<1",
            f"numpy {version('numpy')} is installed, but mtl-cli needs numpy<1",
        ),
        ("no-such-package", "no-such-package is not installed"),
    ],
)
def test_package_is_missing_or_of_another_version(
    requirement: str, problem: str
) -> None:
    assert installed_packages.problem_with(Requirement(requirement)).startswith(problem)
    assert bool(installed_packages.problem_with(Requirement(requirement))) == bool(
        problem
    )


@pytest.fixture
def without_rich(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `run_command` find the installed packages, except for rich."""
    package = Path(mtl_cli.__file__).parent
    for path in [package, *Path(pytest.__file__).parents[1].iterdir()]:
        link = tmp_path / path.name
        if path.name != "rich" and not link.exists():
            link.symlink_to(path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def run_command(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as its script does, without the site-packages of Python."""
    code = f"from mtl_cli.cli.{name} import command; command()"
    code = f"import sys; sys.argv[0] = 'bin/mtl-{name}'; {code}"
    return subprocess.run(
        [sys.executable, "-S", "-c", code, *arguments], capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.usefixtures("without_rich")
def test_missing_package_is_told_in_one_line_by_all_commands() -> None:
    doctor = run_command("doctor", "--no-training")
    assert doctor.stderr == ""
    assert doctor.stdout.startswith("broken  packages ")
    assert "; ModuleNotFoundError: No module named 'rich'; " in doctor.stdout
    commands = {
        "predict": ["--help"],  # imports rich at once
        "train": ["check_only=true"],  # imports rich in the run
    }
    for name, arguments in commands.items():
        ended = run_command(name, *arguments)
        assert ended.returncode == 1
        assert re.fullmatch(
            rf"mtl-{name}: error: .*No module named 'rich'; run mtl-doctor, or install "
            r"mtl-cli again(; the traceback is in .*train\.log)?\n",
            ended.stderr,
        )


def test_package_of_a_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> None:
        raise ModuleNotFoundError("No module named 'yaml'")

    def installed(name: str) -> Any:
        commands = [SimpleNamespace(load=load)] * 2
        is_ours = name == "mtl-cli"
        return SimpleNamespace(entry_points=commands) if is_ours else distribution(name)

    monkeypatch.setattr(installed_packages, "distribution", installed)
    packages, *others = doctor.check_all(with_training=True)
    assert packages.text.count("ModuleNotFoundError: No module named 'yaml'") == 1
    assert [finding.name for finding in others] == ["files", "cache"]


def test_wrong_version_does_not_hide_why_a_command_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(installed_packages, "requires", lambda _: ["numpy<1"])
    monkeypatch.setattr(doctor, "import_problems", lambda: ["ImportError: no Layer"])
    packages, can_import_commands = doctor.check_packages()
    assert "but mtl-cli needs numpy<1; ImportError: no Layer; " in packages.text
    assert not can_import_commands


@pytest.mark.parametrize(
    "error", [PackageNotFoundError("mtl-cli"), TypeError("no METADATA")]
)
def test_missing_or_damaged_metadata_is_broken(
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from_name = Distribution.from_name

    def from_name_except_ours(name: str) -> Distribution:
        if name == "mtl-cli":
            raise error
        return from_name(name)

    monkeypatch.setattr(Distribution, "from_name", from_name_except_ours)
    assert doctor.main(["--no-training"]) == 1
    packages, *others = capsys.readouterr().out.splitlines()
    assert packages.startswith("broken  packages ")
    assert str(error) in packages
    assert packages.endswith("; install mtl-cli again")
    assert [line.split()[1] for line in others] == ["files", "cache"]


def test_doctor_needs_no_package_to_start() -> None:
    code = "from mtl_cli.cli import doctor"
    root = Path(mtl_cli.__file__).parents[1]
    # With -S, Python finds no installed packages.
    subprocess.run([sys.executable, "-S", "-c", code], cwd=root, check=True)


def test_missing_extra_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        installed_packages, "requires", lambda _: ['nothing>=2; extra == "wandb"']
    )
    found = {finding.name: finding for finding in doctor.check_extras()}
    assert found["wandb"].status == "missing"
    assert found["wandb"].text.endswith("pip install 'mtl-cli[wandb]'")
    assert "dev" not in found


def test_wrong_version_of_a_needed_package_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installed_packages, "requires", lambda _: ["numpy<1"])
    assert doctor.main(["--no-training"]) == 1
    assert capsys.readouterr().out.startswith("broken  packages     Python 3")


def test_files_that_are_not_there_are_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "resources_folder", lambda: tmp_path)
    finding = doctor.finding_of("files", doctor.check_files)
    assert (finding.status, "config.yaml" in finding.text) == ("broken", True)


def test_cache_that_cannot_be_written_is_broken_and_none_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    finding = doctor.check_cache()
    assert finding.status == "broken"
    assert str(tmp_path / "file") in finding.text
    monkeypatch.setenv("MTL_CACHE", "")
    assert doctor.check_cache().status == "missing"


def test_tensorflow_that_cannot_be_loaded_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load() -> None:
        raise ImportError("libtensorflow.so: wrong ELF class")

    monkeypatch.setattr(tensorflow_runtime, "load", load)
    finding = doctor.finding_of("devices", doctor.check_devices)
    assert finding.status == "broken"
    assert "ImportError: libtensorflow.so: wrong ELF class" in finding.text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TrainingError("the process ended; why"), "the process ended; why"),
        (
            ImportError("cannot import name 'Layer' from 'keras'"),
            "ImportError: cannot import name 'Layer' from 'keras'; install mtl-cli "
            "again",
        ),
    ],
)
def test_training_that_fails_is_broken(
    error: Exception, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: str) -> None:
        raise error

    monkeypatch.setattr(api_train, "train", train)
    finding = doctor.finding_of("training", doctor.check_training)
    assert (finding.status, finding.text) == ("broken", text)


def test_full_disk_of_temporary_folders_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", fail)
    finding = doctor.finding_of("training", doctor.check_training)
    assert finding.status == "broken"
    assert "folder: No space left on device; free the space" in finding.text


def test_requirement_with_a_marker_of_the_platform_belongs_to_no_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ['numpy; python_version > "3"', 'wandb; extra == "wandb"']
    monkeypatch.setattr(installed_packages, "requires", lambda _: texts)
    assert [package.name for package in installed_packages.requirements()] == ["numpy"]
    assert [package.name for package in installed_packages.requirements("wandb")] == [
        "wandb"
    ]


def test_wrong_flag_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--no-trainig"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did you mean --no-training?" in error


@pytest.mark.slow
def test_training_works() -> None:
    finding = doctor.finding_of("training", doctor.check_training)
    assert finding.status == "ok", finding.text
    assert "AUC 0.9" in finding.text
