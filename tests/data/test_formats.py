"""Formats of files, and reading in chunks: the same rows are encoded alike."""

import errno
import glob
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
from helpers.planted_data import (
    assert_same,
    config,
    declared,
    loaded,
    parquet,
    run_in,
    values,
)
from helpers.slow import slow_except

from mtl_cli.columns.arrow_types import with_plain_types
from mtl_cli.core.errors import DataError
from mtl_cli.core.paths import conf_folder
from mtl_cli.data import csv_file, feature_set_fitter, file_patterns, sources
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.file_patterns import matching_paths
from mtl_cli.data.files import find_files
from mtl_cli.data.load import load
from mtl_cli.data.sources import generated_source, with_format_of
from mtl_cli.data.table import as_arrays
from mtl_cli.runs.prediction import predict_files

ROWS = 60
HUGE = 2**53 + 1  # more than a double holds
WORDS = ["a,b", 'say "hi"', "two\nlines", "ä\t", " x ", "007", "7", "NA", None]
RANDOM = np.random.default_rng(0)
TABLE = pa.table(
    {
        "word": pa.array(RANDOM.choice(WORDS, ROWS).tolist(), pa.string()),
        "number": pa.array(
            [None if i % 7 == 0 else HUGE - i % 5 for i in range(ROWS)], pa.int64()
        ),
        "tags": pa.array(
            ["|".join("abcde"[: i % 5 + 1]) if i % 9 else None for i in range(ROWS)]
        ),
        "price": pa.array(RANDOM.normal(size=ROWS), mask=np.arange(ROWS) % 11 == 0),
        "years": RANDOM.integers(18, 90, ROWS),
        "user": RANDOM.integers(0, 12, ROWS),
        "day": RANDOM.integers(0, 9, ROWS),
        "buy": pa.array([None if i % 13 == 5 else i % 2 for i in range(ROWS)]),
        "spent": RANDOM.normal(0, 5, ROWS),
        "weight": RANDOM.exponential(size=ROWS),
    }
)
FEATURES = {
    "word": {"kind": "sparse", "min_count": 2},
    "number": {"kind": "sparse"},
    "user": {"kind": "hashed", "num_buckets": 9},
    "both": {"kind": "cross", "columns": ["word", "years"]},
    "tags": {"kind": "sequence", "max_length": 3, "separator": "|"},
    "years": {"kind": "bucketized", "num_buckets": 4},
    "price": {"kind": "dense", "transform": "quantile", "missing": "median"},
}
TASKS = {
    "buy": {"label": "buy", "kind": "binary"},
    "spent": {"label": "spent", "kind": "regression"},
}
SPLITS = {
    "random": {},
    "group": {"split_by": "group", "split_column": "user"},
    "time": {"split_by": "time", "split_column": "day"},
    "order": {"split_by": "order"},
}
OPTIONS = {"group_column": "user", "weight_column": "weight", "test_fraction": 0.2}


def write_csv(path, table=TABLE, delimiter=",", **options):
    """Writes text, compressed as the path's ending says."""
    # A row of text is a whole number of lines only if they are quoted.
    style = pyarrow.csv.WriteOptions(delimiter=delimiter, **options)
    with pa.output_stream(path) as stream:
        pyarrow.csv.write_csv(table, stream, style)
    return str(path)


def parts(table=TABLE):
    """Three pieces of a table, one of them empty."""
    return [table.slice(0, 25), table.slice(25, 0), table.slice(25)]


def parquet_folder(folder):
    """A folder as Spark leaves it."""
    (folder / "rows" / "day.parquet").mkdir(parents=True)
    (folder / "rows" / "_temporary").mkdir()
    for i, part in enumerate(parts()):
        parquet(folder / "rows" / "day.parquet", part, f"part-{i}.parquet")
    for other in ("_SUCCESS", ".part-0.parquet.crc", "_temporary/part-3.parquet"):
        (folder / "rows" / other).write_bytes(b"no rows")
    return str(folder / "rows")


def csv_parts(folder):
    """Several files of text, by a pattern."""
    for i, part in enumerate(parts()):
        write_csv(folder / f"part-{i}.csv.gz", part)
    return str(folder / "part-*.csv.gz")


def csv_folder(folder):
    """Several files of text in a folder."""
    (folder / "rows").mkdir()
    for i, part in enumerate(parts()):
        write_csv(folder / "rows" / f"part-{i}.csv.gz", part)
    (folder / "rows" / "_SUCCESS").write_bytes(b"no rows")
    return str(folder / "rows")


def feather_parts(folder):
    """Several Feather files, one with dictionaries, by a pattern."""
    for i, part in enumerate(parts()):
        if i == 2:
            place = part.column_names.index("word")
            part = part.set_column(place, "word", part["word"].dictionary_encode())
        pyarrow.feather.write_feather(part, folder / f"part-{i}.feather", chunksize=9)
    return str(folder / "*.feather")


def parquet_groups(folder):
    """A file of many small row groups and with dictionaries."""
    table = TABLE.set_column(0, "word", TABLE["word"].dictionary_encode())
    path = folder / "groups.parquet"
    pyarrow.parquet.write_table(table, path, row_group_size=11)
    return str(path)


def feather(folder, name="rows.feather"):
    """A single Feather file."""
    pyarrow.feather.write_feather(TABLE, folder / name, compression="zstd")
    return str(folder / name)


def in_fsspec(folder):
    """A file in fsspec's memory."""
    fsspec = pytest.importorskip("fsspec")
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(TABLE, buffer)
    url = f"memory://{folder.name}/rows.parquet"
    with fsspec.open(url, "wb") as file:
        file.write(buffer.getvalue())
    return url


def folder_in_fsspec(folder):
    """A folder in fsspec's memory."""
    fsspec = pytest.importorskip("fsspec")
    for i, part in enumerate(parts()):
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(part, buffer)
        name = f"memory://{folder.name}/rows/part-{i}.parquet"
        with fsspec.open(name, "wb") as file:
            file.write(buffer.getvalue())
    return f"memory://{folder.name}/rows"


def text_in_fsspec(folder):
    """A file of compressed text in fsspec's memory."""
    fsspec = pytest.importorskip("fsspec")
    write_csv(folder / "rows.csv.gz")
    url = f"memory://{folder.name}/rows.csv.gz"
    with fsspec.open(url, "wb") as file:
        file.write((folder / "rows.csv.gz").read_bytes())
    return url


FORMATS = {
    "csv": lambda folder: write_csv(folder / "rows.csv"),
    "tsv": lambda folder: write_csv(folder / "rows.tsv", delimiter="\t"),
    "csv.gz": lambda folder: write_csv(folder / "rows.csv.gz"),
    "tsv.gz": lambda folder: write_csv(folder / "rows.tsv.gz", delimiter="\t"),
    "csv.zst": lambda folder: write_csv(folder / "rows.csv.zst"),
    "csv.bz2": lambda folder: write_csv(folder / "rows.csv.bz2"),
    "csv pattern": csv_parts,
    "parquet": lambda folder: str(parquet(folder, TABLE, "rows.parquet")),
    "PARQUET": lambda folder: str(parquet(folder, TABLE, "rows.PARQUET")),
    "parquet groups": parquet_groups,
    "parquet folder": parquet_folder,
    "parquet pattern": lambda folder: f"{parquet_folder(folder)}/**/day*/*.parquet",
    "feather": feather,
    "arrow": lambda folder: feather(folder, "rows.arrow"),
    "feather pattern": feather_parts,
    "file URL": lambda folder: f"file://{parquet(folder, TABLE, 'rows.parquet')}",
    "folder URL": lambda folder: f"file://{parquet_folder(folder)}",
    "csv URL": lambda folder: f"file://{write_csv(folder / 'rows.csv')}",
    "memory URL": in_fsspec,
    "memory folder": folder_in_fsspec,
    "memory csv.gz": text_in_fsspec,
}


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """Loads what no cache holds."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # which takes most of the time

    def fresh_load(train, how="random", features=FEATURES, tasks=TASKS, **more):
        fresh_load.count += 1
        monkeypatch.setenv("MTL_CACHE", str(tmp_path / f"cache{fresh_load.count}"))
        keys = {"valid_fraction": 0.2} | OPTIONS | SPLITS[how] | more
        return loaded(train, features, tasks, **keys)

    fresh_load.count = 0
    return fresh_load


@pytest.fixture
def in_chunks(monkeypatch):
    """Reads about seven rows at a time from here on."""

    def start(rows=7, block=220):
        monkeypatch.setattr(sources, "CHUNK_ROWS", rows)
        monkeypatch.setattr(csv_file, "BLOCK_BYTES", block)

    return start


# Formats


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The rows of one Parquet file, read at once, by how they are split."""
    found = {}
    folder = tmp_path_factory.mktemp("expected")
    path = parquet(folder, TABLE)
    for how, keys in SPLITS.items():
        more = {"valid_fraction": 0.2} | OPTIONS | keys
        found[how] = loaded(path, FEATURES, TASKS, **more)
    return found


def test_table_has_all_that_a_format_can_change(expected):
    assert len({tuple(d.row_numbers["test"].tolist()) for d in expected.values()}) == 4
    for data in expected.values():
        assert list(data.splits) == ["train", "valid", "test"]
        arrays = as_arrays(data.splits["train"])
        assert {name: str(x.dtype) for name, x in arrays.items()} == {
            "features.ids": "int32",
            "features.dense": "float32",
            "features.sequences": "int32",
            "features.sequence_weights": "float32",
            "labels.buy": "float32",
            "labels.spent": "float64",
            "weights.buy": "float32",
            "weights.spent": "float32",
            "groups": "int32",
        }


@pytest.mark.parametrize("name", FORMATS)
def test_rows_are_encoded_alike_whatever_file_holds_them(
    tmp_path, fresh, expected, name
):
    assert_same(fresh(FORMATS[name](tmp_path)), expected["random"])


@pytest.mark.parametrize(
    ("name", "how"),
    slow_except(
        [(name, "random") for name in [*FORMATS][::3]],
        [
            (name, how)
            for name in FORMATS
            for how in SPLITS
            if how == "random"
            or not name.startswith(("PARQUET", "file", "folder", "mem"))
        ],
    ),
)
def test_rows_in_chunks_are_encoded_as_all_at_once(
    tmp_path, fresh, in_chunks, expected, name, how
):
    in_chunks()
    assert_same(fresh(FORMATS[name](tmp_path), how), expected[how])
    assert not list(tmp_path.rglob("*.spilled"))


def test_chunks_are_as_small_as_asked(tmp_path, in_chunks):
    # Otherwise the tests above would read whole files.
    in_chunks()
    keys = dict.fromkeys(TABLE.column_names, "")
    types = dict.fromkeys(TABLE.column_names, pa.string())
    wanted = sources.ColumnRequest(keys, types)
    (tmp_path / "in").mkdir()
    for i, make in enumerate(FORMATS.values()):
        folder = tmp_path / str(i)
        folder.mkdir()
        path = make(folder)
        dataset = dataset_of(path)
        source = sources.open_source("here", path, dataset, wanted, tmp_path / f"{i}.s")
        for _ in range(2):  # every pass gives all rows
            sizes = [table.num_rows for table in source.chunks()]
            assert sum(sizes) == source.num_rows == ROWS
            assert max(sizes) <= 7


def dataset_of(path, **more):
    """A data set's declaration."""
    keys = {"name": "rows", "train": str(path), "valid": None, "test": None}
    keys |= {"valid_fraction": 0.0, "split_seed": 0}
    return Dataset.model_validate(keys | {"features": FEATURES, "tasks": TASKS} | more)


@pytest.mark.parametrize("rows", slow_except([30], [1, 30, 59, 60, 61]))
def test_any_size_of_chunk_gives_the_same_rows(tmp_path, fresh, in_chunks, rows):
    path = write_csv(tmp_path / "rows.csv")
    expected = fresh(path)
    in_chunks(rows, 500)
    assert_same(fresh(path), expected)


@pytest.mark.slow
def test_validation_and_test_files_in_chunks_are_encoded_as_all_at_once(
    tmp_path, fresh, in_chunks
):
    paths = [write_csv(tmp_path / f"{i}.csv", part) for i, part in enumerate(parts())]
    other = write_csv(tmp_path / "other.csv", TABLE.slice(5, 50))
    keys = {"test": other, "test_fraction": 0.0, "valid_from": "test"}
    for options in (keys, keys | {"valid": paths[2], "valid_fraction": 0.0}):
        expected = fresh(paths[0], **options)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sources, "CHUNK_ROWS", 7)
            patch.setattr(csv_file, "BLOCK_BYTES", 220)
            assert_same(fresh(paths[0], **options), expected)


def test_generated_rows_in_chunks_are_encoded_as_all_at_once(
    tmp_path, monkeypatch, in_chunks
):
    from hydra import compose, initialize_config_dir

    from mtl_cli.config.check import check

    sizes = {"train_rows": 50, "test_rows": 20, "dimensions": 3}
    settings = [f"dataset.{key}={value}" for key, value in sizes.items()]
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        chosen = check(compose("config", ["dataset=synthetic_mmoe", *settings]))
    found = []
    for i in range(2):
        monkeypatch.setenv("MTL_CACHE", str(tmp_path / str(i)))
        found.append(load(chosen.dataset, chosen.outputs))
        in_chunks()
    assert_same(*found)
    # Sums over the chunks of labels, in another order.
    for name, numbers in found[0].label_statistics.items():
        assert numbers == pytest.approx(found[1].label_statistics[name], rel=1e-12)


# Text files

PLAIN = "city,age,buy\nUlm,30,1\nBonn,40,0\nUlm,50,1\nKiel,20,0\n"
CITY = {"city": {"kind": "sparse"}, "age": {"kind": "dense", "transform": "none"}}
BUY = {"buy": {"label": "buy", "kind": "binary"}}


def plainly(fresh, path, **more):
    """City ids, ages and labels of a file."""
    keys = {"valid_fraction": 0.0, "test_fraction": 0.0, "group_column": None}
    keys |= {"weight_column": None}
    data = fresh(path, features=CITY, tasks=BUY, **(keys | more))
    table = data.splits["train"]
    return (
        data.features.learnt["city"]["vocabulary"],
        table.features["ids"][:, 0].tolist(),
        table.features["dense"][:, 0].tolist(),
        table.labels["buy"].tolist(),
    )


EXPECTED = (["Bonn", "Kiel", "Ulm"], [3, 1, 3, 2], [30, 40, 50, 20], [1, 0, 1, 0])


@pytest.mark.parametrize(
    ("name", "text", "keys"),
    [
        ("rows.csv", PLAIN, {}),
        ("rows.txt", PLAIN, {"format": "csv"}),
        ("rows", PLAIN.replace(",", "\t"), {"format": "tsv"}),
        ("rows.csv", PLAIN.replace(",", ";"), {"csv": {"delimiter": ";"}}),
        ("rows.tsv", PLAIN.replace(",", "|"), {"csv": {"delimiter": "|"}}),
        ("rows.csv", "\ufeff" + PLAIN, {}),
        ("rows.csv", PLAIN.replace("\n", "\r\n"), {}),
        ("rows.csv", PLAIN.rstrip("\n"), {}),
        ("rows.csv", PLAIN.replace("Ulm", '"Ulm"').replace("30", '"30"'), {}),
        (
            "adult.data",
            PLAIN.partition("\n")[2].replace(",", ", "),
            {"format": "csv", "csv": {"columns": ["city", "age", "buy"], "trim": True}},
        ),
        (
            "rows.csv",
            "\ufeff" + PLAIN.partition("\n")[2],
            {"csv": {"columns": ["city", "age", "buy"]}},
        ),
        (
            "rows.csv",
            PLAIN.partition("\n")[2].replace(",", ",skipped,"),
            {"csv": {"columns": ["city", "no", "age", "nor", "buy"]}},
        ),
    ],
    ids=[
        "plain",
        "unknown_ending",
        "tabs_without_ending",
        "semicolons",
        "bars_in_tsv",
        "byte_order_mark",
        "windows_lines",
        "no_last_newline",
        "quoted",
        "headerless_with_spaces",
        "headerless_with_byte_order_mark",
        "columns_not_named",
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_text_is_read_as_declared(
    tmp_path, fresh, in_chunks, name, text, keys, chunked
):
    if chunked:
        in_chunks(1, 64)
    (tmp_path / name).write_bytes(text.encode())
    assert plainly(fresh, tmp_path / name, **keys) == EXPECTED


def test_trim_makes_cells_of_spaces_missing_and_leaves_inner_spaces(tmp_path, fresh):
    text = ' New  York , 1, 1\n  ,2,0\n" Ulm\t",3 , 0\nUlm,   4,1 \n'
    (tmp_path / "rows.csv").write_text(text)
    csv = {"columns": ["city", "age", "buy"], "trim": True}
    found = plainly(fresh, tmp_path / "rows.csv", csv=csv)
    assert found == (["New  York", "Ulm"], [1, 0, 2, 2], [1, 2, 3, 4], [1, 0, 0, 1])


def test_trim_makes_number_cells_of_spaces_missing(tmp_path, fresh):
    (tmp_path / "rows.csv").write_text("Ulm, 1, 1\nUlm,  ,0\nBonn,3, \n")
    csv = {"columns": ["city", "age", "buy"], "trim": True}
    age = {"kind": "dense", "transform": "none", "missing": -1.0}
    keys = {"valid_fraction": 0.0, "test_fraction": 0.0, "csv": csv}
    keys |= {"group_column": None, "weight_column": None}
    data = fresh(tmp_path / "rows.csv", features=CITY | {"age": age}, tasks=BUY, **keys)
    table = data.splits["train"]
    assert table.features["dense"][:, 0].tolist() == [1, -1, 3]
    assert table.weights["buy"].tolist() == [1, 1, 0]


@pytest.mark.parametrize("chunked", [False, True])
def test_trim_comes_before_the_comparison_with_null_values(
    tmp_path, fresh, in_chunks, chunked
):
    # Arrow compares first, so ` ?` was a word, and no number.
    if chunked:
        in_chunks(1, 64)
    (tmp_path / "rows.csv").write_text("Ulm, 1, 1\n ?,?  ,0\nBonn, ? , ?\n")
    csv = {"columns": ["city", "age", "buy"], "trim": True, "null_values": ["?"]}
    age = {"kind": "dense", "transform": "none", "missing": -1.0}
    keys = {"valid_fraction": 0.0, "test_fraction": 0.0, "csv": csv}
    keys |= {"group_column": None, "weight_column": None}
    data = fresh(tmp_path / "rows.csv", features=CITY | {"age": age}, tasks=BUY, **keys)
    table = data.splits["train"]
    assert data.features.learnt["city"]["vocabulary"] == ["Bonn", "Ulm"]
    assert table.features["ids"][:, 0].tolist() == [2, 0, 1]
    assert table.features["dense"][:, 0].tolist() == [1, -1, -1]
    assert table.weights["buy"].tolist() == [1, 1, 0]


@pytest.mark.parametrize("chunked", [False, True])
def test_spaces_alone_are_an_empty_number_but_a_word(
    tmp_path, fresh, in_chunks, chunked
):
    # Arrow refuses them as a number, so the row was refused although `missing` was set.
    if chunked:
        in_chunks(1, 64)
    file = tmp_path / "rows.csv"
    file.write_text("city,age,buy\n" + "Ulm,1,1\n" * 9 + "  , \t,0\nBonn,3,  \n")
    age = {"kind": "dense", "transform": "none"}
    keys = {"valid_fraction": 0.0, "test_fraction": 0.0, "tasks": BUY}
    keys |= {"group_column": None, "weight_column": None}
    features = CITY | {"age": age | {"missing": -1.0}}
    data = fresh(file, features=features, **keys)
    table = data.splits["train"]
    assert data.features.learnt["city"]["vocabulary"] == ["  ", "Bonn", "Ulm"]
    assert table.features["dense"][:, 0].tolist() == [1] * 9 + [-1, 3]
    assert table.weights["buy"].tolist() == [1] * 10 + [0]
    with pytest.raises(DataError, match="row 10 is empty or nan, not a number"):
        fresh(file, features=CITY | {"age": age}, **keys)
    file.write_text(file.read_text() + "Kiel,old,1\n")
    with pytest.raises(DataError, match="row 12 holds 'old', not a number"):
        fresh(file, features=features, **keys)


def test_wrong_cell_is_named_below_missing_cells_with_spaces(tmp_path, fresh):
    (tmp_path / "rows.csv").write_text("city,age,buy\nUlm, ? ,1\nBonn, young,0\n")
    csv = {"trim": True, "null_values": ["?"]}
    with pytest.raises(DataError, match="row 2 holds ' young', not a number"):
        plainly(fresh, tmp_path / "rows.csv", csv=csv)


def test_without_trim_spaces_are_part_of_a_word(tmp_path, fresh):
    text = PLAIN.replace("Bonn", " Ulm").replace("Kiel", "  ")
    (tmp_path / "rows.csv").write_text(text)
    known, found, _, _ = plainly(fresh, tmp_path / "rows.csv")
    assert known == ["  ", " Ulm", "Ulm"]
    assert found == [3, 2, 3, 1]


@pytest.mark.parametrize("chunked", [False, True])
def test_quoted_cells_hold_newlines_delimiters_and_quotes(
    tmp_path, fresh, in_chunks, chunked
):
    if chunked:
        in_chunks(1, 64)
    words = ["a\nb", "a,b", 'a""b', "a\r\nb"]
    lines = [f'"{word}",{i},{i % 2}\n' for i, word in enumerate(words)]
    (tmp_path / "rows.csv").write_bytes(("city,age,buy\n" + "".join(lines)).encode())
    known, found, ages, _ = plainly(fresh, tmp_path / "rows.csv")
    assert known == sorted(word.replace('""', '"') for word in words)
    assert sorted(found) == [1, 2, 3, 4]
    assert ages == [0, 1, 2, 3]


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_files_with_other_types_of_text_and_whole_numbers_are_one_table(
    tmp_path, fresh, ending
):
    text, long_text = pa.string(), pa.large_string()
    types = [
        (text, pa.int32(), pa.list_(text)),
        (long_text, pa.int64(), pa.large_list(long_text)),
        (pa.dictionary(pa.int32(), text), pa.uint16(), pa.list_(long_text)),
        (pa.string_view(), pa.int64(), pa.list_(text)),
    ]
    names, features = ("city", "age", "tags"), {"age": {"kind": "sparse"}}
    features |= {"city": {"kind": "sparse"}, "tags": FEATURES["tags"]}
    columns = ["Ulm", "Rom", None, "Ulm"], [1, 2, 3, 1], [["a"], [], ["b", "a"], None]
    folders = tmp_path / "equal", tmp_path / "other"
    write = pyarrow.feather.write_feather
    if ending == "parquet":
        write = pyarrow.parquet.write_table
    for folder, types_of_files in zip(folders, ([types[0]] * 4, types), strict=True):
        folder.mkdir()
        for i, types_of_file in enumerate(types_of_files):
            cells = map(pa.array, columns, types_of_file)
            table = pa.table([*cells, pa.array([0, 1, 0, 1])], [*names, "buy"])
            write(table, folder / f"{i}.{ending}")
    keys = ONE_CITY | {"features": features}
    equal, other = (fresh(folder / f"*.{ending}", **keys) for folder in folders)
    assert_same(equal, other)


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("place", ["first", "last", "test"])
def test_columns_without_values_in_a_file_go_with_every_type(
    tmp_path, fresh, ending, place
):
    names = ["city", "age", "tags", "buy"]
    types = pa.string(), pa.float64(), pa.list_(pa.string()), pa.int64()
    no_types = pa.null(), pa.null(), pa.list_(pa.null()), pa.null()
    columns = ["Ulm", "Rom", None], [1.5, 2, 4], [["a"], None, ["b", "a"]], [0, 1, 0]
    no_values = [None] * 3, [None] * 3, [[], None, []], [None] * 3
    write = pyarrow.feather.write_feather
    if ending == "parquet":
        write = pyarrow.parquet.write_table
    files = []
    for cells, its_types in (
        (columns, types),
        (no_values, types),
        (no_values, no_types),
    ):
        files.append(tmp_path / f"{len(files)}.{ending}")
        write(pa.table([*map(pa.array, cells, its_types)], names), files[-1])
    full, *empty_files = files
    features = {"city": {"kind": "sparse"}, "tags": FEATURES["tags"]}
    features |= {"age": {"kind": "dense", "missing": "mean"}}
    keys = ONE_CITY | {"features": features, "stream": True}
    typed, untyped = (
        fresh(full, test=str(empty), **keys)
        if place == "test"
        else fresh([empty, full] if place == "first" else [full, empty], **keys)
        for empty in empty_files
    )
    assert_same(typed, untyped)


def test_files_of_a_pattern_are_one_table_in_order_of_their_names(tmp_path, fresh):
    for name, rows in (("b", "Ulm,3,1\nUlm,4,0\n"), ("a", "Ulm,1,1\nUlm,2,0\n")):
        (tmp_path / f"{name}.csv").write_text("city,age,buy\n" + rows)
    assert plainly(fresh, tmp_path / "*.csv")[2] == [1, 2, 3, 4]


ONE_CITY = {"features": CITY, "tasks": BUY, "valid_fraction": 0.0}
ONE_CITY |= {"test_fraction": 0.0, "group_column": None, "weight_column": None}


def write_days(folder):
    """Writes two rows a day; their `age` is the number of the day."""
    for day in range(1, 5):
        (folder / f"{day}.csv").write_text(f"city,age,buy\nUlm,{day},1\nUlm,{day},0\n")


def test_files_of_a_list_are_one_table_in_the_order_of_the_list(tmp_path, fresh):
    write_days(tmp_path)
    test = [str(tmp_path / "4.csv"), str(tmp_path / "1.csv")]
    data = fresh([tmp_path / "3.csv", tmp_path / "[12].csv"], **ONE_CITY, test=test)
    ages = {
        split: x.features["dense"][:, 0].tolist() for split, x in data.splits.items()
    }
    assert ages == {"train": [3, 3, 1, 1, 2, 2], "test": [4, 4, 1, 1]}


def test_hash_of_the_data_follows_the_files_of_a_list_and_their_order(tmp_path, fresh):
    write_days(tmp_path)
    files = [tmp_path / f"{day}.csv" for day in range(1, 5)]

    def hash_of(paths):
        return fresh(paths, **ONE_CITY).fingerprint

    hashes = [hash_of(x) for x in (files[:2], files[:3], files[1::-1], files[:1])]
    assert len(set(hashes)) == 4
    assert hash_of(tmp_path / "[12].csv") == hashes[0]
    assert hash_of(files[0]) == hashes[3]
    files[1].write_text("city,age,buy\nUlm,9,1\nUlm,2,0\n")
    assert hash_of(files[:2]) not in hashes


def test_other_table_of_several_formats_is_refused_as_such(tmp_path):
    location = [str(tmp_path / f"t.{ending}") for ending in ("parquet", "feather")]
    pyarrow.parquet.write_table(TABLE, location[0])
    pyarrow.feather.write_feather(TABLE, location[1])
    dataset = with_format_of(declared("train.csv", CITY, BUY), location)
    with pytest.raises(DataError, match=r"TABLE: .* have different formats"):
        find_files("TABLE", location, dataset.format)


def test_wrong_file_of_a_list_is_named(tmp_path, fresh):
    write_days(tmp_path)
    parquet(tmp_path, TABLE, "5.parquet")
    (tmp_path / "6.csv").write_text("city,age,buy\nUlm,old,1\n")
    wrong = {
        "9.csv": "dataset.train: no file '{}' (current folder",
        "5.parquet": "' and '{}' have different formats or file systems",
        "1.csv": "'{}' names {} a second time; name each file once",
        "?.csv": "'{}' names " + f"{tmp_path / '1.csv'} a second time",
        "6.csv": "row 1 holds 'old', not a number; correct the cell",
    }
    for name, message in wrong.items():
        path = str(tmp_path / name)
        with pytest.raises(DataError) as caught:
            fresh([tmp_path / "1.csv", tmp_path / "2.csv", path], **ONE_CITY)
        assert message.format(path, path) in str(caught.value)


def test_files_of_a_pattern_may_order_their_columns_otherwise(tmp_path, fresh):
    (tmp_path / "a.csv").write_text("city,age,buy\nUlm,1,1\n")
    (tmp_path / "b.csv").write_text("buy,more,age,city\n0,x,2,Bonn\n")
    assert plainly(fresh, tmp_path / "*.csv") == (
        ["Bonn", "Ulm"],
        [2, 1],
        [1, 2],
        [1, 0],
    )


def test_one_column_is_two_tasks_in_every_format(tmp_path, fresh):
    # A text file's column has one type: words for one task, numbers for the other.
    stars = pa.table({"city": ["a", "b", "a", "b"], "stars": [5, 1, 4, 2]})
    features = {"city": {"kind": "sparse"}}
    tasks = {
        "stars": {"label": "stars", "kind": "regression"},
        "liked": {"label": "stars", "kind": "binary", "positive": [4, 5]},
        "which": {"label": "stars", "kind": "multiclass", "classes": [1, 2, 4, 5]},
    }
    keys = {"valid_fraction": 0.0, "test_fraction": 0.0}
    keys |= {"group_column": None, "weight_column": None}
    for path in (
        write_csv(tmp_path / "rows.csv", stars),
        parquet(tmp_path, stars, "rows.parquet"),
    ):
        data = fresh(path, features=features, tasks=tasks, **keys)
        found = {n: y.tolist() for n, y in data.splits["train"].labels.items()}
        assert found == {
            "stars": [5, 1, 4, 2],
            "liked": [1, 0, 1, 0],
            "which": [3, 0, 2, 1],
        }


def test_space_may_be_a_feature_too_in_every_format(tmp_path, fresh):
    rows = pa.table({"click": [1, 0, 1, 1], "buy": [1, 0, 0, 1]})
    tasks = {"buy": {"label": "buy", "kind": "binary", "space": "click"}}
    keys = {"valid_fraction": 0.0, "test_fraction": 0.0}
    keys |= {"group_column": None, "weight_column": None}
    for path in (
        write_csv(tmp_path / "rows.csv", rows),
        parquet(tmp_path, rows, "rows.parquet"),
    ):
        data = fresh(path, features={"click": {"kind": "sparse"}}, tasks=tasks, **keys)
        assert data.splits["train"].weights["buy"].tolist() == [1, 0, 1, 1]


def test_error_that_only_a_reader_with_threads_has_is_told(
    tmp_path, fresh, monkeypatch
):
    # Or what was read until then would pass for the whole file.
    honest = pyarrow.csv.open_csv

    def open_csv(stream, read_options=None, **options):
        if read_options is not None and read_options.use_threads:
            raise pa.ArrowInvalid("out of luck")
        return honest(stream, read_options=read_options, **options)

    monkeypatch.setattr(pyarrow.csv, "open_csv", open_csv)
    (tmp_path / "rows.csv").write_text(PLAIN)
    with pytest.raises(DataError, match=r"cannot read .*rows\.csv: out of luck"):
        plainly(fresh, tmp_path / "rows.csv")


@pytest.mark.parametrize("kind", [pa.int64(), pa.date32(), pa.timestamp("ms")], ids=str)
def test_split_by_time_is_the_same_in_every_format(tmp_path, fresh, kind):
    days = np.random.default_rng(1).permutation(60) * (1 if kind == pa.date32() else 7)
    held = pa.array(days.astype("int32") if kind == pa.date32() else days).cast(kind)
    place = TABLE.column_names.index("day")
    table = TABLE.set_column(place, "day", held)
    for path in (
        write_csv(tmp_path / "rows.csv", table),
        parquet(tmp_path, table, "rows.parquet"),
    ):
        rows = fresh(path, "time").row_numbers
        assert sorted(rows["test"]) == sorted(np.argsort(days)[48:])
        assert sorted(rows["valid"]) == sorted(np.argsort(days)[36:48])


@pytest.mark.parametrize("url", [False, True])
def test_folder_of_text_is_read_where_its_format_is_said(
    tmp_path, fresh, expected, url
):
    path = csv_folder(tmp_path)
    path = f"file://{path}" if url else path
    assert_same(fresh(path, format="csv"), expected["random"])
    with pytest.raises(DataError, match=r"^dataset\.train: "):
        fresh(path)


def test_sampled_scales_do_not_depend_on_chunks(
    tmp_path, fresh, in_chunks, monkeypatch
):
    monkeypatch.setattr(feature_set_fitter, "ROWS_TO_FIT", 20)
    path = parquet(tmp_path, TABLE)
    first = fresh(path)
    in_chunks()
    assert_same(fresh(path), first)
    monkeypatch.setattr(feature_set_fitter, "ROWS_TO_FIT", 1000)
    whole = fresh(path)
    assert whole.features.learnt["price"] != first.features.learnt["price"]
    assert whole.features.learnt["word"] == first.features.learnt["word"]


def test_range_of_numbers_is_that_of_all_training_rows(tmp_path, fresh, monkeypatch):
    # With `minmax`, numbers of training rows outside of the sample left 0 to 1.
    features = {"price": {"kind": "dense", "transform": "minmax", "missing": 0}}
    path = parquet(tmp_path, TABLE)
    whole = fresh(path, features=features)
    monkeypatch.setattr(feature_set_fitter, "ROWS_TO_FIT", 5)
    sampled = fresh(path, features=features)
    assert sampled.features.learnt["price"] == whole.features.learnt["price"]


def test_groups_without_a_number_are_one_in_all_chunks(tmp_path, fresh, in_chunks):
    user = [float("nan") if i % 3 == 0 else float(i % 5) for i in range(ROWS)]
    held = pa.array(user, from_pandas=False)
    place = TABLE.column_names.index("user")
    features = {"word": FEATURES["word"]}
    path = parquet(tmp_path, TABLE.set_column(place, "user", held))
    whole = fresh(path, features=features)
    in_chunks()
    found = fresh(path, features=features)
    assert_same(found, whole)
    assert len(np.unique(found.splits["train"].groups)) == 6


@pytest.mark.parametrize("chunked", [False, True])
def test_row_of_a_wrong_cell_counts_from_the_first_line_without_a_header(
    tmp_path, fresh, in_chunks, chunked
):
    if chunked:
        in_chunks(1, 64)
    text = PLAIN.partition("\n")[2].replace("20", "young")
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(DataError, match="row 4 holds 'young', not a number"):
        plainly(fresh, tmp_path / "rows.csv", csv={"columns": ["city", "age", "buy"]})


@pytest.mark.slow
def test_file_to_predict_for_is_read_as_training_reads(tmp_path):
    rng = np.random.default_rng(0)
    shops = np.array(["007", "7", "08"])[rng.integers(0, 3, 200)]
    frame = pd.DataFrame({"shop": shops, "price": rng.normal(size=200)})
    frame["buy"] = (frame["shop"] == "007").astype(int)
    frame.to_csv(tmp_path / "train.csv", index=False)
    frame[["price", "shop"]].to_csv(tmp_path / "new.csv", index=False)
    features = {
        "shop": {"kind": "sparse"},
        "price": {"kind": "dense", "transform": "standard"},
    }
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    keys = values(tmp_path / "train.csv", features, tasks, valid_fraction=0.2)
    run_in(tmp_path / "run", config(keys, "trainer.epochs=10"))
    predict_files(tmp_path / "run", str(tmp_path / "new.csv"), str(tmp_path / "o.csv"))
    buy = pd.read_csv(tmp_path / "o.csv")["buy"].to_numpy()
    assert buy[shops == "007"].min() > buy[shops != "007"].max()
    with pytest.raises(DataError, match="no column 'price'"):
        frame[["shop"]].to_csv(tmp_path / "less.csv", index=False)
        predict_files(tmp_path / "run", str(tmp_path / "less.csv"), "-")


def test_pattern_visits_each_folder_once_whatever_links_lead_to_it(
    tmp_path: Path,
) -> None:
    for folder in ("day=1", "day=2/hour=[3]", ".hidden", "elsewhere"):
        (tmp_path / "rows" / folder).mkdir(parents=True)
        (tmp_path / "rows" / folder / "x.csv").touch()
    (tmp_path / "rows" / "elsewhere").rename(tmp_path / "elsewhere")
    (tmp_path / "rows" / "linked").symlink_to(tmp_path / "elsewhere")
    for pattern in ("**/*.csv", "day=*/**/*.csv", "**/**/x.csv", "*/*.csv", "**"):
        found = {str(path) for path in matching_paths("t", tmp_path / "rows" / pattern)}
        expected = glob.glob(str(tmp_path / "rows" / pattern), recursive=True)
        # `glob.glob` also names the folder in which `**` starts.
        assert found == set(expected) - {f"{tmp_path}/rows/"}
    (tmp_path / "rows" / "a").symlink_to(".")
    (tmp_path / "rows" / "b").symlink_to(".")
    found = matching_paths("t", tmp_path / "rows" / "**" / "*.csv")
    assert {str(path.relative_to(tmp_path / "rows")) for path in found} == {
        "day=1/x.csv",
        "day=2/hour=[3]/x.csv",
        "linked/x.csv",
    }


def test_pattern_that_matches_files_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_patterns, "MAX_PATHS", 100)
    for i in range(10):
        (tmp_path / str(i)).mkdir()
    with pytest.raises(DataError, match=r"^t: more than 100 paths match '"):
        matching_paths("t", tmp_path / "*" / ".." / "*" / ".." / "*")


@pytest.mark.parametrize("pattern", ["", "**/*.csv"])
def test_rows_are_found_however_deep_their_folder_lies(
    pattern: str, tmp_path: Path, little_recursion: None
) -> None:
    folder = tmp_path
    for _ in range(200):
        folder /= "d"
        folder.mkdir()
    (folder / "x.csv").touch()
    files = find_files("t", str(tmp_path / pattern), "csv")
    assert files.paths == [str(folder / "x.csv")]


def test_folder_that_cannot_be_listed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").touch()
    scandir = os.scandir

    def fail_for_b(path: str | Path) -> Any:
        if os.fspath(path) == str(tmp_path / "b"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fail_for_b)
    for path in (tmp_path, tmp_path / "b"):
        with pytest.raises(DataError, match=r"^t: cannot reach '.*/b': Permission den"):
            find_files("t", str(path), "csv")
    with pytest.raises(DataError, match="no file matches"):
        find_files("t", str(tmp_path / "b" / "*.csv"), "csv")


def test_dictionary_of_views_is_read_as_its_texts():
    words = pa.array(["a", "b"], pa.string_view())
    indices = pa.array([0, None, 1, 0], pa.uint32())
    column = pa.DictionaryArray.from_arrays(indices, words)
    empty = pa.DictionaryArray.from_arrays(pa.nulls(2, pa.int32()), words.slice(0, 0))
    for dictionary, expected in ((column, ["a", None, "b", "a"]), (empty, [None] * 2)):
        chunks = pa.chunked_array([dictionary, dictionary.slice(1, 1)])
        found = with_plain_types(pa.table({"word": chunks}))
        assert found["word"].to_pylist() == [*expected, expected[1]]
        assert found["word"].type == pa.large_string()


@pytest.mark.parametrize("dtype", [pa.list_(pa.int64()), pa.struct({"a": pa.int64()})])
def test_dictionary_of_nested_values_is_read_as_its_values(dtype):
    values = [[1, 2], []] if pa.types.is_list(dtype) else [{"a": 1}, {"a": 2}]
    indices = pa.array([0, None, 1])
    cells = pa.DictionaryArray.from_arrays(indices, pa.array(values, dtype))
    found = with_plain_types(pa.table({"x": pa.chunked_array([cells, cells[1:]])}))
    assert found["x"].type == dtype
    assert found["x"].to_pylist() == [values[0], None, values[1], None, values[1]]


def test_column_that_arrow_cannot_convert_is_named():
    lists = pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([[1]]))
    cells = pa.ListArray.from_arrays([0, 1], lists)
    with pytest.raises(pa.ArrowInvalid, match=r"^column 'x': Unsupported cast"):
        with_plain_types(pa.table({"x": cells}))


def test_generated_categories_are_read_as_their_texts():
    words = pa.array(["a", None, "b"])
    table = pa.table({"word": words.dictionary_encode(), "rest": words})
    source = generated_source(table, ColumnRequest({"word": "dataset.features.x"}, {}))
    assert pa.concat_tables(source.read(2)) == pa.table({"word": words})


def test_wide_rows_are_yielded_in_chunks_of_bounded_size(monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_BYTES", 1000)
    table = pa.table({"x": pa.array(range(1000), pa.float64())})
    chunks = list(sources.Source("t", 1000, lambda _: iter([table])).chunks())
    assert [chunk.num_rows for chunk in chunks] == [125] * 8
    assert pa.concat_tables(chunks).equals(table)
    empty = table.slice(0, 0)
    (chunk,) = sources.Source("t", 0, lambda _: iter([empty])).chunks()
    assert chunk.equals(empty)
