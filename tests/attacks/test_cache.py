"""A cache that others can write to leads to no other file, and its code is not run."""

import json
import os
import shutil
import time
import zlib

import pytest
from helpers.planted_data import loaded, parquet

from mtl_cli.core import compile_cache
from mtl_cli.data import cache

FEATURES = {"city": {"kind": "sparse"}}
TASKS = {"buy": {"label": "buy", "kind": "binary"}}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A table, with a cache and precious files beside it."""
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "notes").write_text("mine")
    os.utime(tmp_path / "precious" / "notes", (0, 0))
    return parquet(tmp_path, {"city": ["a", "b"] * 8, "buy": [0, 1] * 8})


def load(file):
    return loaded(file, FEATURES, TASKS)


def notes(file):
    return (file.parent / "precious" / "notes").read_text()


@pytest.mark.parametrize("name", ["encoded", "locks"])
def test_linked_folder_of_the_cache_is_not_used(name, file):
    (file.parent / "cache").mkdir()
    (file.parent / "cache" / name).symlink_to(file.parent / "precious")
    with pytest.warns(UserWarning, match=r"is a link.*MTL_CACHE"):
        assert len(load(file).splits["train"].labels["buy"]) == 16
    assert notes(file) == "mine"


@pytest.mark.parametrize("kind", ["link", "file", "pipe"])
def test_link_file_or_pipe_in_place_of_an_entry_is_replaced(kind, file):
    # A warning advised to make room in the cache, at each run.
    load(file)
    (entry,) = (file.parent / "cache" / "encoded").iterdir()
    moved = entry.rename(file.parent / "precious" / "entry")
    if kind == "link":
        entry.symlink_to(moved)
    elif kind == "file":
        entry.write_text("not an entry")
    else:
        os.mkfifo(entry)
    assert not load(file).loading.startswith("found")
    assert load(file).loading.startswith("found")
    assert (moved / "manifest").exists()


def test_linked_lock_keeps_the_file_that_it_names(file, monkeypatch):
    load(file)
    (entry,) = (file.parent / "cache" / "encoded").iterdir()
    shutil.rmtree(entry)
    lock = file.parent / "cache" / "locks" / entry.name
    lock.symlink_to(file.parent / "precious" / "notes")
    with pytest.warns(UserWarning, match="cannot keep encoded data"):
        load(file)
    assert notes(file) == "mine"


def test_linked_hash_of_a_file_is_not_written_through(file):
    load(file)
    (memo,) = (file.parent / "cache" / "hashes").iterdir()
    memo.unlink()
    memo.symlink_to(file.parent / "precious" / "notes")
    assert len(load(file).splits["train"].labels["buy"]) == 16
    assert notes(file) == "mine"
    assert not memo.is_symlink()


@pytest.mark.parametrize("change", ["link", "path", "absolute"])
def test_manifest_that_names_another_file_is_not_followed(change, file):
    load(file)
    (entry,) = (file.parent / "cache" / "encoded").iterdir()
    outside = file.parent / "precious" / "0.bin"
    shutil.copy(entry / "0.bin", outside)
    manifest = json.loads((entry / "manifest").read_text().partition("\n")[2])
    record = next(r for r in manifest["arrays"].values() if r["file"] == "0.bin")
    if change == "link":
        (entry / "0.bin").unlink()
        (entry / "0.bin").symlink_to(outside)
    else:
        path = outside if change == "absolute" else f"../../../precious/{outside.name}"
        record["file"] = str(path)
    text = json.dumps(manifest)
    (entry / "manifest").write_text(f"{zlib.crc32(text.encode())}\n{text}")
    data = load(file)
    assert not data.loading.startswith("found")  # the entry was encoded anew
    assert not (file.parent / "cache" / "encoded" / entry.name / "0.bin").is_symlink()


def test_bytes_of_an_entry_are_not_read_as_objects(file):
    load(file)
    (entry,) = (file.parent / "cache" / "encoded").iterdir()
    manifest = json.loads((entry / "manifest").read_text().partition("\n")[2])
    for record in manifest["arrays"].values():
        if record["dtype"].endswith("8"):  # as wide as the address of an object
            record["dtype"] = "|O"
    text = json.dumps(manifest)
    assert "|O" in text
    (entry / "manifest").write_text(f"{zlib.crc32(text.encode())}\n{text}")
    assert not load(file).loading.startswith("found")


def test_old_folders_that_are_no_entries_stay(file):
    old = file.parent / "cache" / "encoded" / "photos"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    load(file)
    assert old.is_dir()
    assert time.time() - old.stat().st_mtime > cache.DAYS_KEPT * 86400


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_compiled_code_that_others_could_have_written_is_not_used(
    mode, tmp_path, monkeypatch
):
    monkeypatch.setenv("MTL_CACHE", str(tmp_path))
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    compile_cache.enable()
    (folder,) = (tmp_path / "compiled").iterdir()
    assert str(folder) in os.environ["TF_XLA_FLAGS"]
    folder.chmod(mode)
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    compile_cache.enable()
    assert os.environ["TF_XLA_FLAGS"] == ""


def test_compiled_code_is_not_removed_through_a_link(tmp_path, monkeypatch):
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    compile_cache.enable()
    (folder,) = (tmp_path / "cache" / "compiled").iterdir()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "saved_model.pb").touch()
    folder.rmdir()
    folder.symlink_to(precious)
    assert not compile_cache.clear()
    folder.unlink()
    precious.rename(folder)
    monkeypatch.setenv("TF_XLA_FLAGS", "")  # no folder is used
    assert not compile_cache.clear()
    assert (folder / "saved_model.pb").exists()


def cut_short(record):
    """Fewer rows than the other arrays of the split have."""
    return {"rows": 3, "kept": 3}


def without_rows(record):
    return {"rows": 0, "kept": 0}


def without_columns(record):
    return {"width": 0, "rows": 10**15, "kept": 0}


def negative(record):
    return {"width": -1, "rows": -record["rows"]}


def as_floats(record):
    return {"dtype": "<f4"}


def with_other_bytes_first(record):
    return {"dtype": ">i4"}


@pytest.mark.parametrize(
    "change",
    [
        cut_short,
        without_rows,
        without_columns,
        negative,
        as_floats,
        with_other_bytes_first,
    ],
)
def test_array_that_is_no_input_of_the_network_is_encoded_anew(change, file):
    kept = load(file).splits["train"].features["ids"].tolist()
    (entry,) = (file.parent / "cache" / "encoded").iterdir()
    manifest = json.loads((entry / "manifest").read_text().partition("\n")[2])
    record = manifest["arrays"]["train.features.ids"]
    record |= change(record)
    path = entry / record["file"]
    path.write_bytes(path.read_bytes()[: 4 * record.pop("kept", 16)])
    record["crc"] = zlib.crc32(path.read_bytes())
    write_manifest(entry, manifest)
    data = load(file)
    assert not data.loading.startswith("found")
    assert data.splits["train"].features["ids"].tolist() == kept


@pytest.mark.parametrize("arrays", [[], {}, None, {"train.labels.buy": "0.bin"}])
def test_manifest_without_the_arrays_of_the_features_is_encoded_anew(arrays, file):
    load(file)
    (entry,) = (file.parent / "cache" / "encoded").iterdir()
    manifest = json.loads((entry / "manifest").read_text().partition("\n")[2])
    write_manifest(entry, manifest | {"arrays": arrays})
    assert not load(file).loading.startswith("found")


@pytest.mark.parametrize("text", ["[" * 100_000, "null", "[1]", '{"arrays": {}}'])
def test_manifest_of_something_else_is_encoded_anew(text, file):
    load(file)
    (entry,) = (file.parent / "cache" / "encoded").iterdir()
    (entry / "manifest").write_text(f"{zlib.crc32(text.encode())}\n{text}")
    assert not load(file).loading.startswith("found")


def write_manifest(entry, manifest):
    text = json.dumps(manifest)
    (entry / "manifest").write_text(f"{zlib.crc32(text.encode())}\n{text}")
