"""A folder is removed only if it holds what was written into it, and nothing else."""

import os
from pathlib import Path

import pytest

from mtl_cli.core.atomic_write import replacing_folder
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.written_files import check_none_missing, check_written, hashes_of


def written(folder: Path) -> dict[str, str]:
    (folder / "below").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "below" / "b.txt").write_text("b")
    hashes = hashes_of(folder)
    (folder / "record.json").write_text("{}")
    return hashes


def test_written_files_their_record_and_byproducts_are_accepted(tmp_path: Path) -> None:
    hashes = written(tmp_path)
    assert list(hashes) == ["a.txt", "below/b.txt"]
    (tmp_path / "below" / "b.pyc").write_text("compiled")
    (tmp_path / "a.txt").unlink()  # a file that is gone is no loss
    check_written(tmp_path, "record.json", hashes, ["below/*.pyc"])


@pytest.mark.parametrize("name", ["c.txt", "below/record.json", "below/a.txt", "a.txt"])
def test_added_or_changed_file_is_named(name: str, tmp_path: Path) -> None:
    hashes = written(tmp_path)
    (tmp_path / name).write_text("mine")
    with pytest.raises(UnsafeFileError, match=f"holds '{name}'"):
        check_written(tmp_path, "record.json", hashes)


def test_file_of_holes_is_refused_unread(tmp_path: Path) -> None:
    hashes = written(tmp_path)
    os.truncate(tmp_path / "a.txt", 1 << 40)  # reading 1 TiB would take hours
    with pytest.raises(UnsafeFileError, match=r"a\.txt has .* the rest are holes"):
        check_written(tmp_path, "record.json", hashes)


@pytest.mark.parametrize("name", ["/etc/passwd", "./a.txt", "a.txt/", "below/../a.txt"])
def test_listed_file_must_lie_in_the_folder(name: str, tmp_path: Path) -> None:
    hashes = written(tmp_path)
    check_none_missing(tmp_path, hashes)
    with pytest.raises(UnsafeFileError, match=f"has lost '{name}'"):
        check_none_missing(tmp_path, hashes | {name: "0" * 64})


def test_folder_of_many_folders_in_one_another_is_refused(tmp_path: Path) -> None:
    hashes = written(tmp_path)
    (tmp_path / Path(*["d"] * 200)).mkdir(parents=True)
    with pytest.raises(UnsafeFileError, match="lies more than 100 folders deep"):
        check_written(tmp_path, "record.json", hashes)


@pytest.mark.parametrize("hashes", [None, [], {}, {"a.txt": 1}, "a.txt"])
def test_forged_list_is_refused(hashes: object, tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(UnsafeFileError):
        check_written(tmp_path, "record.json", hashes)


def test_file_that_is_added_during_the_work_stays(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()

    def check(place: Path) -> None:
        if (place / "mine").exists():
            raise ConfigError(f"{place} holds 'mine'")

    with (
        pytest.raises(ConfigError, match=f"^{target} holds 'mine'"),
        replacing_folder(target, check) as temporary,
    ):
        temporary.mkdir()
        (target / "mine").write_text("mine")
    assert (target / "mine").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
