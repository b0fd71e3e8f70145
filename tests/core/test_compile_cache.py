"""Compiled code that is kept from run to run."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.commands import run_cold

from mtl_cli.core import compile_cache

TINY = [
    "dataset=synthetic_mmoe",
    "dataset.train_rows=2000",
    "dataset.test_rows=500",
    "dataset.dimensions=10",
    "model=shared_bottom",
    "trainer.epochs=1",
    "trainer.compile=true",
]


def compiled_files(cache: Path) -> list[Path]:
    return sorted((cache / "compiled").rglob("*.pb"))


@pytest.mark.slow
def test_kept_code_gives_the_same_numbers(tmp_path: Path) -> None:
    cache = tmp_path / 'a cache of "mine"'

    def numbers(name: str) -> dict:
        folder = f"hydra.run.dir={name}"
        completed = run_cold(
            tmp_path, *TINY, folder, MTL_CACHE=str(cache), TF_XLA_FLAGS=""
        )
        assert completed.returncode == 0, completed.stderr
        return json.loads((tmp_path / name / "metrics.json").read_text())

    first = numbers("first")
    (file,) = compiled_files(cache)
    assert numbers("again") == first
    assert compiled_files(cache) == [file]


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The environment of a machine whose cache is in a folder with a blank."""
    monkeypatch.setenv("TF_XLA_FLAGS", "--some_flag")
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "a cache"))
    return os.environ


def test_folder_of_compiled_code_is_quoted(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    compile_cache.enable()
    name = f"{os.getuid()}-{compile_cache.machine_hash()}"
    folder = tmp_path / "a cache" / "compiled" / name
    flag = f'--tf_xla_persistent_cache_directory="{folder}"'
    assert environ["TF_XLA_FLAGS"] == f"--some_flag {flag}"
    assert folder.is_dir()


def test_no_code_is_kept_if_the_cache_is_switched_off(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_CACHE", "")
    compile_cache.enable()
    assert environ["TF_XLA_FLAGS"] == "--some_flag"


def test_no_code_is_kept_if_the_disk_is_full(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_cache, "disk_usage", lambda _: SimpleNamespace(free=0))
    compile_cache.enable()
    assert environ["TF_XLA_FLAGS"] == "--some_flag"


def test_cleared_folder_is_found_among_other_flags(
    tmp_path: Path, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_cache.enable()
    (folder,) = (tmp_path / "a cache" / "compiled").iterdir()
    flags = environ["TF_XLA_FLAGS"]
    monkeypatch.setenv("TF_XLA_FLAGS", f"{flags} --another_flag=1")
    assert not compile_cache.clear()
    (folder / "code.pb").touch()
    assert compile_cache.clear()
    assert list(folder.iterdir()) == []


def test_old_code_is_removed_even_if_another_process_removes_some(
    tmp_path: Path, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_cache.enable()
    (folder,) = (tmp_path / "a cache" / "compiled").iterdir()
    for name in ("a.pb", "c.pb"):
        (folder / name).touch()
        os.utime(folder / name, (0, 0))
    (folder / "new.pb").touch()
    removed = folder / "b.pb"  # listed, but gone before it is looked at
    listed = [folder / "a.pb", removed, folder / "c.pb", folder / "new.pb"]
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(listed))
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    compile_cache.enable()
    assert compiled_files(tmp_path / "a cache") == [folder / "new.pb"]
    assert str(folder) in environ["TF_XLA_FLAGS"]
