"""Flags that answer without a run: versions, help, information, completion."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import refused
from helpers.slow import slow_except

import mtl_cli
from mtl_cli.cli.arguments import hydra_arguments
from mtl_cli.cli.hydra_setup import safe_completions

ANSWERS = {
    "--version": f"mtl-cli {mtl_cli.__version__}\n",
    "--info": "Config search path",
    "-i": "Config search path",
    "--info defaults": "Defaults List",
    "model=mmoe --info": "Config search path",
    "--hydra-help": "Hydra's",
    "-sc install=bash": "complete -o",
}


@pytest.mark.parametrize("command", slow_except(["--version", "--info"], ANSWERS))
def test_flag_is_answered(command: str, tmp_path: Path) -> None:
    code, out, err, tensorflow = refused(tmp_path, *command.split())
    assert code == 0, err
    assert ANSWERS[command] in out
    assert err == ""
    assert not tensorflow
    assert list(tmp_path.iterdir()) == []


def test_configuration_of_another_name_may_set_as_little_of_hydra(
    tmp_path: Path,
) -> None:
    arguments = ["--config-dir", ".", "--config-name", "acme", "--cfg", "job"]
    config = tmp_path / "acme.yaml"
    config.write_text("defaults: [config, _self_]\nseed: 42\n")
    code, out, err, _ = refused(tmp_path, *arguments)
    assert (code, err) == (0, "")
    assert out.startswith("seed: 42\n")
    config.write_text("defaults: [config, _self_]\nhydra: {job: {chdir: true}}\n")
    code, _, err, _ = refused(tmp_path, *arguments)
    assert code == 2
    assert "hydra.job.chdir: a file may not set this key" in err


def test_section_that_adds_runs_is_refused_as_a_whole(tmp_path: Path) -> None:
    code, out, err, _ = refused(tmp_path, "compare={single_task: true}")
    assert (code, out) == (2, "")
    assert "compare: set its keys one by one, as in compare.single_task=true" in err


@pytest.mark.parametrize("program", ["compare", "init"])
def test_every_command_says_the_version(program: str) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", f"mtl_cli.cli.{program}", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert completed.stdout == f"mtl-cli {mtl_cli.__version__}\n"


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--help", "--cfg=job"])
def test_closed_output_ends_in_silence(flag: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mtl_cli.cli.train", flag],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 141


def test_completion_ignores_a_line_that_hydra_refuses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def hydra_query(plugin: Any, line: str) -> list[str]:
        print("usage", file=sys.stderr)
        sys.exit(2)

    plugin: Any = None
    assert safe_completions(hydra_query, plugin, line="--foo model=") == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "is_told"),
    [
        (["seed=2"], True),
        (["--config-dir", "other"], True),
        (["--config-dir", "conf"], False),
        (["--config-path", "./conf/"], False),
        (["-sc", "query=bash"], False),
    ],
)
def test_conf_that_is_not_read_is_told(
    arguments: list[str],
    is_told: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("conf").mkdir()
    Path("conf/config.yaml").touch()
    hydra_arguments(arguments)
    messages = [str(warning.message) for warning in recwarn]
    assert len(messages) == is_told
    assert all(message.startswith("./conf holds a config") for message in messages)
