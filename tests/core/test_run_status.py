"""The hashes in `status.json` tell which files of a run have changed."""

from pathlib import Path

import pytest

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.run_status import hashes_of_run, is_replaced
from mtl_cli.core.written_files import HASHES_KEY


def test_changed_file_is_told_and_a_link_is_not_followed(tmp_path: Path) -> None:
    file, name = tmp_path / "metrics.json", "metrics.json"
    file.write_text("{}")
    record = {HASHES_KEY: hashes_of_run(tmp_path)}
    assert not is_replaced(tmp_path, name, record)
    file.write_text("[]")
    assert is_replaced(tmp_path, name, record)
    assert not is_replaced(tmp_path, name, {})
    file.unlink()
    file.symlink_to(Path(__file__))
    with pytest.raises(UnsafeFileError, match="is a link"):
        is_replaced(tmp_path, name, record)
