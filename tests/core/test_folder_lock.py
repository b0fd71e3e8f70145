"""A folder that one process locks, for itself alone."""

import fcntl
from pathlib import Path
from typing import IO

import pytest

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.folder_lock import LOCK_NAME, lock_folder


def test_locked_folder_is_refused_until_the_lock_is_closed(tmp_path: Path) -> None:
    lock = lock_folder(tmp_path, "hydra.run.dir")
    with pytest.raises(ConfigError, match="another process is running in"):
        lock_folder(tmp_path, "hydra.run.dir")
    lock.close()
    lock_folder(tmp_path, "hydra.run.dir").close()


@pytest.mark.parametrize("is_made_again", [False, True])
@pytest.mark.parametrize("num_losses", [1, 100])
def test_lock_on_a_file_that_its_owner_has_just_removed_does_not_count(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_made_again: bool,
    num_losses: int,
) -> None:
    lock_open_file = fcntl.flock
    losses_left = num_losses

    def lose_and_lock(file: IO[str], flags: int) -> None:
        nonlocal losses_left
        if losses_left:
            losses_left -= 1
            (tmp_path / LOCK_NAME).unlink()
            if is_made_again:
                (tmp_path / LOCK_NAME).touch()
        lock_open_file(file, flags)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lose_and_lock)
        if num_losses > 1:
            with pytest.raises(ConfigError, match="another process is running in"):
                lock_folder(tmp_path, "hydra.run.dir")
            return
        lock = lock_folder(tmp_path, "hydra.run.dir")
    with pytest.raises(ConfigError, match="another process is running in"):
        lock_folder(tmp_path, "hydra.run.dir")
    lock.close()


def test_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / LOCK_NAME).symlink_to(tmp_path / "file")
    with pytest.raises(ConfigError, match=r"cannot write to .*: Too many levels"):
        lock_folder(tmp_path, "hydra.run.dir")
    assert (tmp_path / "file").read_text() == "precious"


def test_only_a_lock_that_is_a_link_is_called_a_link(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ConfigError, match="Too many levels of symbolic links; name"):
        lock_folder(tmp_path / "loop" / "run", "hydra.run.dir")
