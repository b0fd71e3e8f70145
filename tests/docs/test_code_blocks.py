"""Runs the code blocks of the README and of the documentation.

Shell blocks (`bash`) and Python blocks run, and YAML blocks are checked. Blocks of the
languages `console` and `text` show what a user sees; they are not run. If the first
line of a block is a comment with a file's name, the block is written to that file.
"""

import contextlib
import functools
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.code_blocks import PAGES, ROOT, Block, blocks_of, make_example_folder
from helpers.commands import mtl_train, refused
from helpers.slow import slow_except
from hydra.core.override_parser.overrides_parser import OverridesParser
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from omegaconf import OmegaConf

from mtl_cli.config.json_schema import SCHEMA_FOLDER

COMMANDS = ("train", "init", "compare", "predict", "evaluate", "export", "doctor")
COMPOSED_ONLY = ("--help", "--cfg", "--info")
ADD_JOBS = ("repeats", "compare.single_task", "compare.scenarios")


def pages_with(*languages: str) -> list[str]:
    return [p for p in PAGES if any(b.language in languages for b in blocks_of(p))]


@pytest.fixture(scope="module")
def example_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    make_example_folder(folder)
    return folder


@pytest.fixture
def folder(
    example_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with small data of its own, in which the test runs."""
    shutil.copytree(example_folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_file(block: Block, folder: Path) -> None:
    path = folder / str(block.file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, "utf-8")


def run_command(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs one line of a shell block."""
    program, *arguments = command
    if program == "mtl-train" and not set(COMPOSED_ONLY) & set(arguments):
        return mtl_train(folder, *arguments)
    modules = {f"mtl-{name}": ["-m", f"mtl_cli.cli.{name}"] for name in COMMANDS}
    return subprocess.run(
        [sys.executable, *modules.get(program, []), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_block_has_a_known_language() -> None:
    known = ("bash", "python", "yaml", "text", "console")
    unknown = [
        f"{block.page}:{block.line} {block.language!r}"
        for page in PAGES
        for block in blocks_of(page)
        if block.language not in known
    ]
    assert not unknown


def test_shell_blocks_hold_only_commands_that_can_run() -> None:
    programs = {f"mtl-{name}" for name in COMMANDS} | {"python"}
    others = [
        f"{page}:{block.line} {command[0]}"
        for page in pages_with("bash")
        for block in blocks_of(page)
        for command in block.commands
        if command[0] not in programs
    ]
    assert not others


@pytest.mark.parametrize("page", pages_with("yaml"))
def test_yaml_blocks_fit_the_schemas(page: str) -> None:
    for block in blocks_of(page):
        if block.language == "yaml":
            assert block.file, f"{page}:{block.line}: the first line names no file"
            if not block.file.startswith("conf/"):
                continue  # the bundled schemas do not know the keys of plugins
            group = Path(block.file).parts[1]
            name = "experiment" if group in ("experiment", "sweep") else group
            values = OmegaConf.to_container(OmegaConf.create(block.text))
            validator_of(name).validate(values)


@functools.cache
def validator_of(name: str) -> Validator:
    """Returns the validator of the YAML files of a group."""
    schema = json.loads((SCHEMA_FOLDER / f"{name}.json").read_text("utf-8"))
    return validator_for(schema)(schema)


def first_job(arguments: list[str]) -> Iterator[str]:
    """Gives the settings of the first job of a command."""
    parser = OverridesParser.create()
    for argument in arguments:
        if argument in ("-m", "--multirun"):
            continue
        if "=" not in argument:  # a flag, or its value
            yield argument
            continue
        setting = parser.parse_override(argument)
        if setting.is_sweep_override():
            value = next(iter(setting.sweep_string_iterator()))
            yield f"{setting.key_or_group}={value}"
        elif setting.key_or_group not in ADD_JOBS:
            yield argument


def new_commands(page: str) -> Iterator[tuple[Block, list[str]]]:
    """Gives the commands of a page that no earlier page has, unless it writes files."""
    blocks = blocks_of(page)
    earlier = pages_with("bash")[: pages_with("bash").index(page)]
    known = [c for p in earlier for b in blocks_of(p) for c in b.commands]
    writes_files = any(block.file for block in blocks)
    for block in blocks:
        for command in block.commands:
            if writes_files or command not in known:
                yield block, command


# CI runs all blocks of these pages. Of the other pages, it only checks that their
# commands are accepted, unless there is time left.
RUN_IN_CI = ["README.md", "docs/tutorial.md"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in pages_with("bash") if page not in RUN_IN_CI]
)
def test_commands_are_accepted_up_to_training(folder: Path, page: str) -> None:
    """Each `mtl-train` composes, is checked and reads its data; nothing is trained."""
    for block in blocks_of(page):
        if block.file:
            write_file(block, folder)
    for block, command in new_commands(page):
        if command[0] == "mtl-init":
            assert run_command(folder, command).returncode == 0
        elif command[0] == "mtl-train" and not skipped_before_training(command):
            job = [*first_job(command[1:]), "check_only=true"]
            code, _, err, _ = refused(folder, *job)
            assert code == 0, f"{page}:{block.line} {command}: {err}"


def skipped_before_training(command: list[str]) -> bool:
    """Whether only a full run can show that a command works."""
    starts = "start_from", "sweep=", "hydra/sweeper=", "tracker=", *COMPOSED_ONLY
    return any(argument.startswith(starts) for argument in command[1:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", slow_except(RUN_IN_CI, pages_with("bash", "python"), pytest.mark.exhaustive)
)
def test_blocks_run(folder: Path, page: str) -> None:
    """All blocks of a page, in order, in one folder."""
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.file:
            write_file(block, folder)
        elif block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block.text, f"{page}:{block.line}", "exec"), names)
        for command in block.commands:
            ended = run_command(folder, command)
            shown = f"{page}:{block.line} {command}\n{ended.stdout}\n{ended.stderr}"
            assert ended.returncode == 0, shown


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200


@pytest.mark.parametrize("page", [p for p in PAGES if not p.startswith("docs/")])
def test_links_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    missing = [t for t in targets if not (ROOT / page).parent.joinpath(t).exists()]
    assert not missing and not any(os.path.isabs(t) for t in targets)
