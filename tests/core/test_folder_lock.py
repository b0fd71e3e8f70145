"""A folder that one process locks, for itself alone."""

from pathlib import Path

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
def test_lock_on_a_file_that_its_owner_has_just_removed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_made_again: bool
) -> None:
    open_file = Path.open

    def open_and_lose(self: Path, *arguments: str) -> object:
        file = open_file(self, *arguments)
        self.unlink()
        if is_made_again:
            self.touch()
        return file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_and_lose)
        with pytest.raises(ConfigError, match="another process is running in"):
            lock_folder(tmp_path, "hydra.run.dir")
    assert (tmp_path / LOCK_NAME).exists() is is_made_again
