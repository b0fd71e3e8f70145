"""The cache of encoded data: entries are reused, up to date, undamaged and whole."""

import dataclasses
import errno
import functools
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import pytest
from helpers.planted_data import assert_same, declared, loaded, outputs, parquet
from helpers.slow import slow_except

from mtl_cli.core import plugins
from mtl_cli.core.errors import DataError, WriteError
from mtl_cli.core.paths import PACKAGE
from mtl_cli.data import cache, cache_entry, encode
from mtl_cli.data import load as load_module
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.generators.synthetic import Synthetic

FEATURES = {
    "city": {"kind": "sparse"},
    "age": {"kind": "dense", "transform": "standard", "missing": "mean"},
    "tags": {"kind": "sequence", "max_length": 2, "separator": "|"},
}
TASKS = {
    "buy": {"label": "buy", "kind": "binary"},
    "spent": {"label": "spent", "kind": "regression", "transform": "standard"},
}
LINES = [
    f"c{i % 4},{20 + i * 7 % 31},a{i % 3}|b,{i % 2},{i / 8},{i % 3 % 2},u{i % 5}"
    for i in range(40)
]
TEXT = "city,age,tags,buy,spent,click,user\n" + "\n".join(LINES) + "\n"
SPLIT = {"valid_fraction": 0.25}


@pytest.fixture
def encodings(tmp_path, monkeypatch):
    """The arguments of each call of `encode`, with an empty cache."""
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "fsync", lambda _: None)  # fsync takes most of the time
    calls = []
    real_encode = encode.encode

    def recording_encode(*arguments):
        calls.append(arguments)
        real_encode(*arguments)

    monkeypatch.setattr(load_module, "encode", recording_encode)
    return calls


@pytest.fixture
def file(tmp_path):
    """A small text file."""
    (tmp_path / "rows.csv").write_text(TEXT)
    return tmp_path / "rows.csv"


def entries(folder):
    """Returns the folders in the cache."""
    root = folder / "cache" / "encoded"
    return sorted(root.iterdir()) if root.exists() else []


def test_second_load_encodes_nothing_and_is_the_same(file, encodings, tmp_path):
    first = loaded(file, FEATURES, TASKS, **SPLIT)
    again = loaded(file, FEATURES, TASKS, **SPLIT)
    assert len(encodings) == 1
    assert_same(first, again)
    assert (first.label_statistics, first.fingerprint) == (
        again.label_statistics,
        again.fingerprint,
    )
    assert set(first.label_statistics) == {"spent"}
    assert len(entries(tmp_path)) == 1


def test_generated_rows_are_generated_once(encodings, monkeypatch):
    keys = {"generator": "synthetic", "correlation": 0.5, "dimensions": 3}
    keys |= {"scale": 0.4, "num_sines": 2, "coefficients": "index"}
    keys |= {"noise_variance": 0.01, "train_rows": 40, "test_rows": 20}
    tasks = {y: {"label": y, "kind": "regression"} for y in ("y1", "y2")}
    keys |= {"name": "drawn", "valid_fraction": 0.0, "split_seed": 0, "tasks": tasks}
    for seed, calls in ((0, 1), (0, 1), (1, 2)):
        dataset = Synthetic.model_validate(keys | {"generator_seed": seed})
        load_module.load(dataset, outputs(dataset))
        assert len(encodings) == calls


@pytest.mark.parametrize(
    "change",
    [
        {"tasks": {"buy": {"loss": "focal", "focal_gamma": 1.0}}},
        {"tasks": {"buy": {"weight": 3.0}}},
        {"tasks": {"buy": {"positive_weight": 3.0}}},
        {"tasks": {"buy": {"tower_units": [3]}}},
        {"tasks": {"buy": {"metrics": ["auc"]}}},
        {"tasks": {"spent": {"loss": "mae"}}},
        {"stream": True},
        {"name": "another"},
    ],
    ids=str,
)
def test_key_without_effect_on_encoded_rows_reuses_the_entry(file, encodings, change):
    loaded(file, FEATURES, TASKS, **SPLIT)
    tasks = {n: t | change.get("tasks", {}).get(n, {}) for n, t in TASKS.items()}
    loaded(file, **{"features": FEATURES} | SPLIT | change | {"tasks": tasks})
    assert len(encodings) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"split_seed": 1},
        {"split_by": "order"},
        {"valid_fraction": 0.5},
        {"test_fraction": 0.25},
        {"weight_column": "age"},
        {"group_column": "user"},
        {"csv": {"trim": True}},
        {"csv": {"null_values": ["c1"]}},
        {"features": {"city": {"kind": "sparse", "min_count": 11}}},
        {"features": {"city": {"kind": "hashed", "num_buckets": 9}}},
        {"features": {"age": FEATURES["age"] | {"missing": "median"}}},
        {"features": {"age": FEATURES["age"] | {"transform": "log1p"}}},
        {"features": {"tags": FEATURES["tags"] | {"max_length": 1}}},
        {"features": {"tags": FEATURES["tags"] | {"pooling": "sum"}}},
        {"features": {"user": {"kind": "sparse"}}},
        {"features": {"both": {"kind": "cross", "columns": ["city", "user"]}}},
        {"tasks": {"buy": {"label": "click", "kind": "binary"}}},
        {"tasks": {"buy": TASKS["buy"] | {"positive": 0}}},
        {"tasks": {"buy": TASKS["buy"] | {"space": "click"}}},
        {"tasks": {"spent": TASKS["spent"] | {"transform": "none"}}},
        {"tasks": {"click": {"label": "click", "kind": "binary"}}},
    ],
    ids=str,
)
def test_key_with_effect_on_encoded_rows_encodes_anew(
    file, encodings, tmp_path, change
):
    loaded(file, FEATURES, TASKS, **SPLIT)
    keys = {"features": FEATURES, "tasks": TASKS} | SPLIT
    nested = {k: keys[k] | v for k, v in change.items() if k in ("features", "tasks")}
    loaded(file, **keys | change | nested)
    assert len(encodings) == 2
    assert len(entries(tmp_path)) == 2


CLASSES = {"label": "city", "kind": "multiclass", "classes": ["c0", "c1", "c2", "c3"]}
BUY_AFTER_CLICK = {"label": "buy", "kind": "binary", "space": "click"}
CLICK = {"label": "click", "kind": "binary"}


@pytest.mark.parametrize(
    ("tasks", "changed"),
    [
        ({"city": CLASSES}, {"city": CLASSES | {"classes": ["c3", "c1", "c2", "c0"]}}),
        (
            {"buy": {"label": "buy", "kind": "binary"}},
            {"buy": {"label": "buy", "kind": "binary", "truth": "click"}},
        ),
        (
            {"buy": {"label": "buy", "kind": "binary"}},
            {"buy": {"label": "buy", "kind": "regression"}},
        ),
        (
            {"spent": {"label": "spent", "kind": "regression"}},
            {"spent": {"label": "spent", "kind": "regression", "transform": "log1p"}},
        ),
        (
            {"buy": BUY_AFTER_CLICK, "click": CLICK},
            {"buy": BUY_AFTER_CLICK, "click": CLICK | {"positive": 0}},
        ),
    ],
    ids=["classes", "truth", "kind", "transform", "positive of the space's task"],
)
def test_task_key_with_effect_on_labels_encodes_anew(file, encodings, tasks, changed):
    for keys in (tasks, tasks, changed):
        dataset = declared(file, {"age": FEATURES["age"]}, keys)
        load_module.load(dataset, outputs(dataset)[:1])
    assert len(encodings) == 2


@pytest.mark.parametrize(
    "change", [{"sampled_task": "click"}, {"truth_tasks": ("buy", "click")}], ids=str
)
def test_outputs_with_another_sampled_task_or_truth_are_encoded_anew(file, change):
    tasks = TASKS | {"click": {"label": "click", "kind": "binary"}}
    dataset = declared(file, FEATURES, tasks)
    buy, *others = outputs(dataset)
    keys = [
        load_module.cache_key(dataset, [output, *others], "hash")
        for output in (buy, dataclasses.replace(buy, **change))
    ]
    assert keys[0] != keys[1]


def test_split_column_encodes_anew(file, encodings):
    for column in ("user", "user", "city"):
        loaded(file, FEATURES, TASKS, **SPLIT, split_by="group", split_column=column)
    assert len(encodings) == 2


def test_valid_from_encodes_anew(file, encodings):
    for source in ("train", "test", "test"):
        loaded(file, FEATURES, TASKS, **SPLIT, test=str(file), valid_from=source)
    assert len(encodings) == 2


def test_encoding_code_imports_only_packages_that_are_part_of_it():
    # Errors, paths and the types of keys; exported graphs and plots, on which no
    # encoded row depends.
    others = {"core", "graphs", "pages"}
    for package in cache.ENCODING_PACKAGES:
        for path in (PACKAGE / package).rglob("*.py"):
            imported = re.findall(r"(?:from|import) mtl_cli\.(\w+)", path.read_text())
            assert set(imported) <= others | set(cache.ENCODING_PACKAGES), path


PLUGIN_FEATURE = """
from mtl_cli.features.dense import Dense
from ..shared import FACTOR

class Scaled(Dense):
    pass
"""


def test_changed_code_of_a_plugins_option_encodes_anew(file, encodings, tmp_path):
    folder = tmp_path / "plugin"
    (folder / "features").mkdir(parents=True)
    (folder / "features" / "scaled.py").write_text(PLUGIN_FEATURE)
    for factor in (1, 1, 2):
        (folder / "shared.py").write_text(f"FACTOR = {factor}\n")
        plugins.use_folders([folder])
        try:
            loaded(file, {"age": FEATURES["age"] | {"kind": "scaled"}}, TASKS)
        finally:
            plugins.use_folders([])
    assert len(encodings) == 2


def test_version_of_the_code_covers_a_plugin_of_a_single_file(tmp_path, monkeypatch):
    file = tmp_path / "plugin_of_one_file.py"
    file.write_text("class Scaled:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    option = importlib.import_module(file.stem).Scaled()
    before = cache.code_version([option])
    file.write_text("class Scaled:\n    factor = 2\n")
    assert cache.code_version([option]) != before


def test_another_order_of_features_or_tasks_encodes_anew(file, encodings):
    loaded(file, FEATURES, TASKS)
    for features, tasks in (
        (dict(reversed(FEATURES.items())), TASKS),
        (FEATURES, dict(reversed(TASKS.items()))),
    ):
        found = loaded(file, features, tasks)
        assert list(found.features.by_name) == list(features)
        assert list(found.splits["train"].labels) == list(tasks)
    assert len(encodings) == 3


@pytest.mark.parametrize("position", [len(TEXT) // 9, len(TEXT) // 2, len(TEXT) - 2])
@pytest.mark.parametrize("same_time", [False, True])
def test_any_changed_byte_encodes_anew(file, encodings, position, same_time):
    before = loaded(file, FEATURES, TASKS)
    old = file.stat()
    content = bytearray(file.read_bytes())
    content[position] = ord("1") if chr(content[position]) != "1" else ord("2")
    with file.open("r+b") as stream:  # keeps the file, its size and its inode
        stream.write(content)
    if same_time:
        os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
    after = loaded(file, FEATURES, TASKS)
    assert len(encodings) == 2
    assert after.fingerprint != before.fingerprint


def test_changed_remote_file_of_the_same_size_encodes_anew(encodings, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    url = f"memory://{tmp_path.name}/rows.csv"
    for text in (TEXT, TEXT, TEXT.replace("c1", "c9")):
        if text is not TEXT or not encodings:
            with fsspec.open(url, "wb") as stream:
                stream.write(text.encode())
        data = loaded(url, FEATURES, TASKS)
    assert len(encodings) == 2
    assert "c9" in data.features.learnt["city"]["vocabulary"]


def test_same_file_under_another_name_reuses_the_entry(file, encodings):
    first = loaded(file, FEATURES, TASKS)
    moved = shutil.copy(file, file.with_name("moved.csv"))
    assert_same(loaded(moved, FEATURES, TASKS), first)
    assert len(encodings) == 1


def test_entry_of_a_read_only_cache_is_used(file, encodings, tmp_path, monkeypatch):
    first = loaded(file, FEATURES, TASKS)

    def read_only(*_args, **_keys):
        raise OSError(errno.EROFS, "Read-only file system")

    for change in ("utime", "mkdir", "rename", "unlink"):
        monkeypatch.setattr(os, change, read_only)
    assert_same(loaded(file, FEATURES, TASKS), first)
    assert len(encodings) == 1
    assert len(entries(tmp_path)) == 1


def test_another_version_of_the_code_encodes_anew(file, encodings, monkeypatch):
    loaded(file, FEATURES, TASKS)
    monkeypatch.setattr(cache, "code_version", lambda _: "another")
    loaded(file, FEATURES, TASKS)
    assert len(encodings) == 2


def test_version_of_the_code_changes_with_each_file_that_encodes(tmp_path, monkeypatch):
    for package in cache.ENCODING_PACKAGES:
        shutil.copytree(PACKAGE / package, tmp_path / PACKAGE.name / package)
    real = cache.code_version()
    monkeypatch.setattr(cache, "PACKAGE", tmp_path / PACKAGE.name)
    assert cache.code_version() == real
    versions = {real}
    changed = ("data/encode.py", "generators/funnel.py", "metrics/sorted_rows.py")
    for path in changed:
        with (tmp_path / PACKAGE.name / path).open("a") as code:
            code.write("\n")
        versions.add(cache.code_version())
    assert len(versions) == 1 + len(changed)


def undamaged(file, folder, **options):
    """Fills the cache; returns the same data from another cache, to compare with."""
    loaded(file, FEATURES, TASKS, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTL_CACHE", str(folder / "other_cache"))
        return loaded(file, FEATURES, TASKS, **options)


def only_entry(folder):
    """Returns the only folder in the cache."""
    (entry,) = entries(folder)
    return entry


@pytest.mark.slow
def test_any_flipped_byte_of_any_file_is_detected(file, encodings, tmp_path):
    expected = undamaged(file, tmp_path, **SPLIT)
    names = sorted(path.name for path in only_entry(tmp_path).iterdir())
    assert len(names) > 10
    calls = 2
    for name in names:
        size = (only_entry(tmp_path) / name).stat().st_size
        for position in {0, size // 2, size - 1}:
            path = only_entry(tmp_path) / name
            content = bytearray(path.read_bytes())
            content[position] ^= 1
            path.write_bytes(content)
            assert_same(loaded(file, FEATURES, TASKS, **SPLIT), expected)
            calls += 1
            assert len(encodings) == calls, (name, position)


def test_any_flipped_byte_of_the_manifest_is_detected(file, encodings, tmp_path):
    # A flipped digit of a mean leaves the JSON valid: only the checksum detects it.
    loaded(file, FEATURES, TASKS, **SPLIT)
    manifest = only_entry(tmp_path) / cache_entry.MANIFEST
    content = manifest.read_bytes()
    for position in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[position] ^= 1
        manifest.write_bytes(flipped)
        with pytest.raises(ValueError):
            cache_entry.Entry(manifest.parent)
    manifest.write_bytes(content)
    cache_entry.Entry(manifest.parent)


@pytest.mark.parametrize(
    "damage", slow_except(["cut"], ["cut", "empty", "longer", "removed"])
)
def test_file_of_another_size_is_detected(file, encodings, tmp_path, damage):
    expected = undamaged(file, tmp_path, **SPLIT)
    names = sorted(path.name for path in only_entry(tmp_path).iterdir())
    for calls, name in enumerate(names, 3):
        path = only_entry(tmp_path) / name
        content = path.read_bytes()
        changed = {"cut": content[:-1], "empty": b"", "longer": content + b"\0"}
        if damage == "removed":
            path.unlink()
        else:
            path.write_bytes(changed[damage])
        assert_same(loaded(file, FEATURES, TASKS, **SPLIT), expected)
        assert len(encodings) == calls
        assert sorted(p.name for p in only_entry(tmp_path).iterdir()) == names


@pytest.mark.parametrize(
    "garbage",
    [b"garbage", b"null", b"[]", b"{}", b'{"arrays": []}', b'{"arrays": {}}', b"\xff"],
)
def test_malformed_manifest_is_detected(file, encodings, tmp_path, garbage):
    expected = undamaged(file, tmp_path)
    (only_entry(tmp_path) / cache_entry.MANIFEST).write_bytes(garbage)
    assert_same(loaded(file, FEATURES, TASKS), expected)
    assert len(encodings) == 3


@pytest.mark.slow
def test_manifest_with_any_other_type_in_its_report_is_encoded_anew(
    file, encodings, tmp_path
):
    expected = undamaged(file, tmp_path, **SPLIT)
    loaded(file, FEATURES, TASKS, **SPLIT)
    manifest = only_entry(tmp_path) / cache_entry.MANIFEST
    intact = json.loads(manifest.read_text().partition("\n")[2])
    forged = [
        text
        for record in ("report", "labels")
        for text in with_one_value_replaced(intact, [record])
    ]
    assert len(forged) > 50
    for text in forged:
        encodings.clear()
        manifest = only_entry(tmp_path) / cache_entry.MANIFEST
        manifest.write_text(f"{zlib.crc32(text.encode())}\n{text}")
        assert_same(loaded(file, FEATURES, TASKS, **SPLIT), expected)
        assert len(encodings) == 1, text


@pytest.mark.slow
def test_entry_that_lacks_an_array_is_encoded_anew(file, encodings, tmp_path):
    options = {**SPLIT, "group_column": "user"}
    expected = undamaged(file, tmp_path, **options)
    loaded(file, FEATURES, TASKS, **options)
    manifest = only_entry(tmp_path) / cache_entry.MANIFEST
    intact = json.loads(manifest.read_text().partition("\n")[2])
    features = {name for name in intact["arrays"] if name.startswith("valid.features.")}
    for lacking in [*({name} for name in intact["arrays"]), features]:
        encodings.clear()
        arrays = {key: a for key, a in intact["arrays"].items() if key not in lacking}
        text = json.dumps({**intact, "arrays": arrays})
        manifest = only_entry(tmp_path) / cache_entry.MANIFEST
        manifest.write_text(f"{zlib.crc32(text.encode())}\n{text}")
        assert_same(loaded(file, FEATURES, TASKS, **options), expected)
        assert len(encodings) == 1, lacking


def forge(folder, change):
    """Applies a change to the manifest of the only entry, and rewrites its CRC."""
    manifest = only_entry(folder) / cache_entry.MANIFEST
    values = json.loads(manifest.read_text().partition("\n")[2])
    change(values)
    text = json.dumps(values)
    manifest.write_text(f"{zlib.crc32(text.encode())}\n{text}")


def with_array(name, **changes):
    """Changes how an array is described, without a change of its bytes."""
    return lambda values: values["arrays"][name].update(changes)


def without_split(split):
    def change(values):
        del values["report"]["splits"][split]
        for name in [n for n in values["arrays"] if n.startswith(f"{split}.")]:
            del values["arrays"][name]

    return change


FORGERIES = {
    "a vocabulary with a value twice": lambda values: values["features"]["city"].update(
        vocabulary=["c0", "c0", "c1", "c2"]
    ),
    "a scale that is NaN": lambda values: values["features"]["age"].update(
        low=float("nan")
    ),
    "a dimension": lambda values: values["features"]["city"].update(
        embedding_dim=10**6
    ),
    "a deviation below 0": lambda values: values["labels"]["spent"].update(
        deviation=-1.0
    ),
    "labels of two numbers": with_array("train.labels.buy", dtype="<f2", width=2),
    "weights of another type": with_array("test.weights.buy", dtype="<i4"),
    "wide groups": with_array("valid.groups", dtype="<i2", width=2),
    "floats as row numbers": with_array("train.row_numbers", dtype="<f8"),
    "one array more": lambda values: values["arrays"].update(
        {"train.truths.buy": values["arrays"]["train.labels.buy"]}
    ),
    "no splits in the report": lambda values: values["report"].update(splits={}),
    "no counts of labels": lambda values: values["report"]["tasks"].update(buy={}),
    "no drift": lambda values: values["report"]["features"]["age"].update(drift={}),
    "no validation rows": without_split("valid"),
    "no test rows": without_split("test"),
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
def test_entry_that_encoding_cannot_have_written_is_encoded_anew(
    file, encodings, tmp_path, change
):
    # Some of these gave a finished run whose model could not be loaded, and others
    # ended the run with a raw error after its training.
    options = {**SPLIT, "test_fraction": 0.25, "group_column": "user"}
    expected = loaded(file, FEATURES, TASKS, **options)
    forge(tmp_path, change)
    assert_same(loaded(file, FEATURES, TASKS, **options), expected)
    assert len(encodings) == 2
    loaded(file, FEATURES, TASKS, **options)
    assert len(encodings) == 2


def test_entry_of_every_kind_of_feature_and_task_is_found_again(encodings, tmp_path):
    # Not at the top: it loads TensorFlow, and processes of other tests import this.
    from helpers import every_kind

    train = parquet(tmp_path, every_kind.rows(60, 0))
    sampled = {"space": "click", "sampling_rate": 0.5, "positive": 1}
    tasks = every_kind.TASKS | {"buy": every_kind.TASKS["buy"] | sampled}
    dataset = declared(train, every_kind.FEATURES, tasks, group_column="word", **SPLIT)
    earlier = {"user": {"vocabulary": ["7"], "embedding_dim": 3}}
    for _ in range(2):
        data = load_module.load(dataset, outputs(dataset), earlier)
    assert data.features.learnt["user"]["embedding_dim"] == 3
    assert len(encodings) == 1


def with_one_value_replaced(values, keys):
    """Yields the JSON text with one value below `keys` removed or of a wrong type.

    Only the first two levels are removed: further down, some keys may be missing.
    """
    holder = functools.reduce(lambda x, key: x[key], keys[:-1], values)
    if len(keys) == 2 or (keys[1:2] in (["features"], ["tasks"]) and len(keys) == 3):
        value = holder.pop(keys[-1])
        yield json.dumps(values)
        holder[keys[-1]] = value
    value, holder[keys[-1]] = holder[keys[-1]], ["wrong", None]
    yield json.dumps(values)
    holder[keys[-1]] = value
    inner = value if isinstance(value, dict) else {}
    if isinstance(value, list) and value:
        inner = {0: value[0]}
    for key in list(inner):
        yield from with_one_value_replaced(values, [*keys, key])


def test_large_files_are_checked_by_their_size_only(
    file, encodings, tmp_path, monkeypatch
):
    monkeypatch.setattr(cache_entry, "UNCHECKED_BYTES", 0)
    loaded(file, FEATURES, TASKS)
    path = max(only_entry(tmp_path).glob("*.bin"), key=lambda p: p.stat().st_size)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    loaded(file, FEATURES, TASKS)
    assert len(encodings) == 1
    path.write_bytes(content[:-1])
    loaded(file, FEATURES, TASKS)
    assert len(encodings) == 2


@pytest.mark.parametrize("text", ["", "{", "null", '{"stamp": 1}', "{}"])
def test_malformed_record_of_a_files_hash_is_ignored(file, encodings, tmp_path, text):
    first = loaded(file, FEATURES, TASKS)
    (record,) = (tmp_path / "cache" / "hashes").iterdir()
    record.write_text(text)
    assert loaded(file, FEATURES, TASKS).fingerprint == first.fingerprint
    assert len(encodings) == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, DataError])
def test_failure_while_encoding_leaves_nothing(
    file, encodings, tmp_path, monkeypatch, error
):
    def fail(*_):
        written = [p for p in entries(tmp_path)[0].iterdir() if p.suffix == ".bin"]
        assert written  # the labels are written before the features
        raise error("half way")

    with monkeypatch.context() as patch:
        patch.setattr(FeatureSet, "encode", fail)
        with pytest.raises(error, match="half way"):
            loaded(file, FEATURES, TASKS, **SPLIT)
    assert entries(tmp_path) == []
    loaded(file, FEATURES, TASKS, **SPLIT)
    assert len(entries(tmp_path)) == 1


def test_wrong_rows_leave_nothing(file, encodings, tmp_path):
    file.write_text(TEXT.replace("c3,", "c3,x", 1))
    with pytest.raises(DataError, match=r"features\.age: column 'age': row 4 holds"):
        loaded(file, FEATURES, TASKS)
    assert entries(tmp_path) == []


def fill_disk_of(folder, monkeypatch):
    """Makes every manifest below a folder fail as on a full disk."""
    fail_in(folder, monkeypatch, errno.ENOSPC)


def fail_in(folder, monkeypatch, number):
    """Makes every manifest below a folder fail with an error number of the system."""
    write_manifest = cache_entry.EntryWriter.write_manifest

    def write_unless_full(self, values):
        if self.folder.is_relative_to(folder):
            raise OSError(number, os.strerror(number))
        write_manifest(self, values)

    monkeypatch.setattr(cache_entry.EntryWriter, "write_manifest", write_unless_full)


def test_run_goes_on_without_a_cache_whose_disk_is_full(
    file, encodings, tmp_path, monkeypatch
):
    fill_disk_of(tmp_path / "cache", monkeypatch)
    with pytest.warns(UserWarning) as caught:
        data = loaded(file, FEATURES, TASKS)
    assert [str(warning.message) for warning in caught] == [
        f"cannot keep encoded data in {tmp_path}/cache: No space left on device; going "
        "on without this cache; mend that, or name another folder in the environment "
        "variable MTL_CACHE"
    ]
    assert data.splits["train"].num_rows > 0
    assert entries(tmp_path) == []


def test_full_disk_of_temporary_files_is_reported_in_one_line(
    file, encodings, tmp_path, monkeypatch
):
    monkeypatch.setenv("MTL_CACHE", "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fill_disk_of(tmp_path, monkeypatch)
    with pytest.raises(WriteError) as caught:
        loaded(file, FEATURES, TASKS)
    assert str(caught.value) == (
        f"cannot write encoded data to {tmp_path}: No space left on device; free the "
        "space, or name another folder in the environment variable TMPDIR"
    )


def test_run_goes_on_without_a_cache_that_is_no_folder(file, encodings, monkeypatch):
    for folder in (str(file), f"/tmp/{'a' * 300}"):
        monkeypatch.setenv("MTL_CACHE", folder)
        with pytest.warns(
            UserWarning, match=f"keep encoded data in {folder}: .*MTL_CACHE"
        ):
            assert loaded(file, FEATURES, TASKS).splits["train"].num_rows > 0


CODE = """
import hashlib, sys, time
from pathlib import Path
from helpers.planted_data import loaded
from test_cache import FEATURES, SPLIT, TASKS
from mtl_cli.data import load as load_module
from mtl_cli.data.table import as_arrays

real_encode = load_module.encode

def encode(*arguments):
    real_encode(*arguments)
    print("encoded")
    if len(sys.argv) > 2:
        while not Path(sys.argv[3]).exists():
            time.sleep(0.01)
        time.sleep(0.3)  # lets the other process come to the same point

load_module.encode = encode
if len(sys.argv) > 2:
    Path(sys.argv[2]).touch()
data = loaded(sys.argv[1], FEATURES, TASKS, **SPLIT)
for split, table in data.splits.items():
    for name, x in as_arrays(table).items():
        print(split, name, hashlib.sha256(x.tobytes()).hexdigest())
"""


def loading_process(*arguments, **environment):
    """Starts a process that loads a file and prints a hash of each array."""
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, [PACKAGE.parent, here.parent, here]))
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, **environment},
    )


@pytest.mark.slow
def test_two_processes_that_load_at_once_encode_once(file, encodings, tmp_path):
    marks = tmp_path / "first", tmp_path / "second"
    processes = [loading_process(file, *marks), loading_process(file, *marks[::-1])]
    streams = [p.communicate(timeout=60) for p in processes]
    assert [p.returncode for p in processes] == [0, 0], streams
    lines = [out.splitlines() for out, _ in streams]
    first, second = sorted(lines, key=len)
    assert second == ["encoded", *first]
    (entry,) = entries(tmp_path)
    assert not entry.name.startswith("tmp-")
    loaded(file, FEATURES, TASKS, **SPLIT)
    assert encodings == []


def test_entry_made_meanwhile_on_a_file_system_without_locks_is_used(
    file, encodings, monkeypatch
):
    encode_once = load_module.encode

    def encode_after_another_process(*arguments):
        monkeypatch.setattr(load_module, "encode", encode_once)
        loaded(file, FEATURES, TASKS)
        encode_once(*arguments)

    monkeypatch.setattr(cache.fcntl, "flock", lambda *_: None)
    monkeypatch.setattr(load_module, "encode", encode_after_another_process)
    loaded(file, FEATURES, TASKS)  # without a warning
    assert len(encodings) == 2


@pytest.mark.slow
def test_no_cache_leaves_no_file(file, tmp_path):
    (tmp_path / "tmp").mkdir()
    (tmp_path / "home").mkdir()
    environment = {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "home")}
    environment |= {"XDG_CACHE_HOME": "", "MTL_CACHE": ""}
    process = loading_process(file, **environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert len(out.splitlines()) == 1 + 2 * 8  # two splits of eight arrays
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "home").iterdir()) == []


def test_no_cache_loads_the_same_and_encodes_each_time(file, encodings, monkeypatch):
    first = loaded(file, FEATURES, TASKS, **SPLIT)
    monkeypatch.setenv("MTL_CACHE", "")
    for calls in (2, 3):
        assert_same(loaded(file, FEATURES, TASKS, **SPLIT), first)
        assert len(encodings) == calls


def set_age(path, days):
    """Sets the time of a folder's last use to some days ago."""
    last_use = time.time() - days * 86400
    os.utime(path, (last_use, last_use))


def test_new_entry_removes_entries_unused_for_a_month(file, encodings, tmp_path):
    loaded(file, FEATURES, TASKS)
    root = tmp_path / "cache" / "encoded"
    ages = {"tmp-old": 1.1, "tmp-new": 0.9, "used": 29, "unused": 31}
    for name, days in ages.items():
        (root / name).mkdir()
        (root / name / "manifest").write_bytes(b"rows")
        set_age(root / name, days)
    loaded(file, FEATURES, TASKS)  # nothing new
    assert set(ages) < {path.name for path in entries(tmp_path)}
    loaded(file, FEATURES, TASKS, **SPLIT)
    left = {path.name for path in entries(tmp_path)}
    assert left & set(ages) == {"tmp-new", "used"}
    assert len(left) == 4


def test_use_of_an_entry_renews_its_age(file, encodings, tmp_path):
    loaded(file, FEATURES, TASKS)
    set_age(only_entry(tmp_path), 31)
    loaded(file, FEATURES, TASKS)
    loaded(file, FEATURES, TASKS, **SPLIT)
    loaded(file, FEATURES, TASKS)
    assert len(encodings) == 2
