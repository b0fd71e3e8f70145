"""The completion of a shell runs no code of a configuration and shows no secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mtl_cli.cli.hydra_setup import is_safe
from mtl_cli.core import secrets

# Completes each line as Bash does after the Tab key, and prints the offered words.
BASH = """
eval "$(mtl-train -sc install=bash)"
for line in "$@"; do
  COMP_LINE="$line" COMP_POINT=${#line} COMP_WORDS=($line)
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  hydra_bash_completion
  printf '%s\\n' "${COMPREPLY[@]}"
done
"""


@pytest.mark.slow
def test_bash_runs_no_name_or_value_of_a_configuration(tmp_path: Path) -> None:
    models, datasets = tmp_path / "conf/model", tmp_path / "conf/dataset"
    models.mkdir(parents=True)
    datasets.mkdir()
    for name in ("$(touch canary)", "`touch canary`", "mine"):
        (models / f"{name}.yaml").write_text("name: mmoe\n")
    (datasets / "evil.yaml").write_text(
        'name: "$(touch canary)"\ntrain: "/data/${oc.env:SOME_TOKEN}.csv"\n'
    )
    lines = (
        "mtl-train model=",
        "mtl-train dataset=evil dataset.name=",
        "mtl-train dataset=evil dataset.train=",
    )
    folder = Path(sys.executable).parent
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", BASH, "bash", *lines],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "SOME_TOKEN": "hunter2hunter2"},
        capture_output=True,
        text=True,
    )
    assert {"model=mine", "model=ple"} <= set(ended.stdout.split()), ended.stderr
    assert not list(tmp_path.rglob("canary"))
    assert "hunter2" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "word",
    [
        "x=${HOME}",
        "x=$(id)",
        "x=`id`",
        "x=a;id",
        "x={a,b}",
        "x=*",
        "x=a b",
        "x=\x1b[2J",
        "x=hunter2hunter2",
    ],
)
def test_word_that_a_shell_expands_or_that_shows_a_secret_is_not_offered(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_references", {"hunter2hunter2": "${oc.env:KEY}"})
    assert not is_safe(word)
    assert is_safe("+dataset.features.city.kind=sparse")
