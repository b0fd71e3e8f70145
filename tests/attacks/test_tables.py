"""A small table of somebody else does not fill the memory or the disk."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.data import table_limits
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_options import Csv
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sources import open_source
from mtl_cli.init.arguments import parse
from mtl_cli.init.preview import read_preview
from mtl_cli.init.write_dataset import write_dataset

ROWS = 600
WORD = "w" * (1 << 16)


def feather(folder: Path, column: Any, compression: str | None = "zstd") -> Path:
    path = folder / "table.feather"
    table = pa.table({"city": column})
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, table.schema, options=options) as writer,
    ):
        writer.write_table(table)
    return path


def read(path: Path) -> pa.Table:
    """Reads the column `city` of a table as a run does."""
    request = ColumnRequest({"city": "city"}, {})
    dataset = Dataset.model_construct(format="auto", csv=Csv())
    source = open_source("train", str(path), dataset, request, path.parent / "spill")
    return pa.concat_tables(source.chunks())


def words_of_a_dictionary() -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array([0] * ROWS, pa.int32()), pa.array([WORD])
    )


def lists_of_words_of_a_dictionary() -> pa.Array:
    starts = pa.array(range(ROWS + 1), pa.int32())
    return pa.ListArray.from_arrays(starts, words_of_a_dictionary())


def views_of_one_word() -> pa.Array:
    _, view, *texts = pa.array([WORD], pa.string_view()).buffers()
    views = pa.py_buffer(view.to_pybytes() * ROWS)
    return pa.Array.from_buffers(pa.string_view(), ROWS, [None, views, *texts])


def compressed_text() -> pa.Array:
    return pa.array([WORD * 300] + [None] * (ROWS - 1), pa.large_string())


def compressed_items_of_a_list() -> pa.Array:
    items = np.zeros(20 << 20, "int8")
    starts = pa.array([0] + [len(items)] * ROWS, pa.int32())
    return pa.ListArray.from_arrays(starts, pa.array(items))


@pytest.mark.parametrize(
    "column",
    [
        words_of_a_dictionary,
        lists_of_words_of_a_dictionary,
        views_of_one_word,
        compressed_text,
        compressed_items_of_a_list,
    ],
)
def test_feather_file_that_expands_is_refused(
    column: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = feather(tmp_path, column())
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 10 << 20)
    assert path.stat().st_size < 1 << 16
    for read_table in (read, lambda path: read_preview(str(path), None)):
        with pytest.raises(DataError, match=r"expands to .* at most 10,485,760"):
            read_table(path)


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_honest_feather_file_is_read_within_the_same_limits(
    compression: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 1)
    words = pa.array([f"word {i}" for i in range(5000)])
    table = read(feather(tmp_path, words, compression))
    assert table["city"].combine_chunks().equals(words)


@pytest.mark.parametrize(
    "ending", ["feather", "parquet", "csv.gz", "empty_lines.csv.gz"]
)
def test_more_rows_than_a_file_can_describe_are_refused(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_limits, "MANY_ROWS", 10_000)
    path = tmp_path / f"table.{ending.removeprefix('empty_lines.')}"
    rows = 100_000
    if ending == "feather":
        feather(tmp_path, pa.array(np.ones(rows)))
    elif ending == "parquet":
        pyarrow.parquet.write_table(pa.table({"city": np.ones(rows)}), path)
    else:
        lines = b"1\n" * rows if ending == "csv.gz" else b"1\n" + b"\r\n" * rows
        path.write_bytes(gzip.compress(b"city\n" + lines))
    with pytest.raises(DataError, match=r"100,00\d rows or more; at most 10 rows"):
        read(path)
    monkeypatch.setattr(table_limits, "MANY_ROWS", rows + 4)  # header, sentinel, "1"
    assert len(read(path)) == (1 if ending == "empty_lines.csv.gz" else rows)


@pytest.mark.parametrize("index", [-7, 1_000_000])
def test_feather_file_that_names_no_word_is_refused(index: int, tmp_path: Path) -> None:
    indices = pa.array([index] * ROWS, pa.int32())
    words = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"]), safe=False)
    path = feather(tmp_path, words)
    for read_table in (read, lambda path: read_preview(str(path), None)):
        with pytest.raises(DataError, match=r"cannot read .*out of bounds"):
            read_table(path)


@pytest.mark.parametrize("place", range(8, 2600, 65))
def test_damaged_feather_file_is_read_or_refused(place: int, tmp_path: Path) -> None:
    words = pa.array([f"word {i}" for i in range(50)]).dictionary_encode()
    path = feather(tmp_path, words)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 0xFF
    path.write_bytes(content)
    try:
        assert len(read(path)) <= 50
    except DataError as error:
        assert str(path) in str(error)


def test_long_name_of_a_column_is_no_key_of_yaml(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{'x' * 2000},buy\n1,0\n2,1\n")
    with pytest.raises(DataError, match=r"the name 'x+\.\.\.' of 2,000 characters"):
        read_preview(str(path), None)


def test_text_that_would_overflow_the_stack_marks_no_missing_value() -> None:
    with pytest.raises(ValidationError, match="at most 1000 characters"):
        Csv(null_values=["x" * 1_000_000])


def test_header_with_a_line_break_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('"ci\nty",buy\n1,0\n2,1\n')
    with pytest.raises(DataError, match="a name in its header holds a line break"):
        read_preview(str(path), None)


def test_name_of_a_table_that_is_a_reference_is_not_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("${oc.env:HOME}.csv").write_text("click,x\n" + "0,1\n1,2\n" * 20)
    arguments = ["${oc.env:HOME}.csv", "--name", "shop", "--task", "click"]
    with pytest.raises(ConfigError, match=r"cannot hold '\$\{': rename the file"):
        write_dataset(parse(arguments))
    assert not Path("conf").exists()
