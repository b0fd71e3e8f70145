"""The folder of the cache, whoever the user is."""

import pwd
from pathlib import Path

import pytest

from mtl_cli.core.cache_folder import cache_folder


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MTL_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)


def test_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_entry(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    assert cache_folder() is None
    monkeypatch.setenv("MTL_CACHE", "/cache")
    assert cache_folder() == Path("/cache")


def test_home_that_cannot_be_written_gives_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert cache_folder() is None
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "mtl-cli"


def test_cache_in_the_home_of_an_unknown_user_is_no_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MTL_CACHE", "~nobody-of-this-name/cache")
    assert cache_folder() is None
