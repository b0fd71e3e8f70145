"""Compiled code that is kept from run to run."""

import json
from pathlib import Path

import pytest
from helpers.commands import run_cold

from mtl_cli.core import compile_cache

TINY = [
    "dataset=synthetic_mmoe",
    "model=shared_bottom",
    "trainer.epochs=1",
    "trainer.compile=true",
]


def kept(cache: Path) -> list[Path]:
    return sorted((cache / "compiled").rglob("*.pb"))


@pytest.mark.slow
def test_damaged_code_is_compiled_again_with_the_same_numbers(tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    def numbers(name: str) -> dict:
        folder = f"hydra.run.dir={name}"
        completed = run_cold(
            tmp_path, *TINY, folder, MTL_CACHE=str(cache), TF_XLA_FLAGS=""
        )
        assert completed.returncode == 0, completed.stderr
        return json.loads((tmp_path / name / "metrics.json").read_text())

    first = numbers("first")
    (file,) = kept(cache)
    content = file.read_bytes()
    assert numbers("again") == first
    assert kept(cache) == [file]
    middle = len(content) // 2
    flipped = bytes(byte ^ 255 for byte in content[middle : middle + 2000])
    for name, damaged in {
        "cut": content[:middle],
        "flipped": content[:middle] + flipped + content[middle + 2000 :],
        "empty": b"",
    }.items():
        for other in kept(cache):
            other.unlink()
        file.write_bytes(damaged)
        assert numbers(name) == first
        assert not file.exists() or file.read_bytes() == content


def test_nothing_is_kept_where_the_cache_is_switched_off_or_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_XLA_FLAGS", "--some_flag")
    monkeypatch.setenv("MTL_CACHE", "")
    compile_cache.enable()
    assert compile_cache.os.environ["TF_XLA_FLAGS"] == "--some_flag"
    monkeypatch.setenv("MTL_CACHE", str(tmp_path))
    monkeypatch.setattr(compile_cache, "free_bytes", lambda _: 0)
    compile_cache.enable()
    assert compile_cache.os.environ["TF_XLA_FLAGS"] == "--some_flag"
    monkeypatch.undo()
    monkeypatch.setenv("TF_XLA_FLAGS", "--some_flag")
    monkeypatch.setenv("MTL_CACHE", str(tmp_path))
    compile_cache.enable()
    folder = tmp_path / "compiled" / compile_cache.machine_hash()
    assert compile_cache.os.environ["TF_XLA_FLAGS"] == (
        f"--some_flag --tf_xla_persistent_cache_directory={folder}"
    )
    assert folder.is_dir()
