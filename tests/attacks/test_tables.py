"""A small table of somebody else does not fill the memory or the disk."""

import bz2
import gzip
import lzma
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.data import feather_file, parquet_file, parquet_pages, table_limits
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_options import Csv
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feather_file import (
    BATCH_BUFFERS,
    FOOTER_BATCHES,
    Block,
    check_blocks,
    read_blocks,
    read_description,
    read_footer,
)
from mtl_cli.data.parquet_file import open_parquet
from mtl_cli.data.parquet_pages import page_bytes, page_header
from mtl_cli.data.sources import open_source
from mtl_cli.init.arguments import parse
from mtl_cli.init.preview import read_preview
from mtl_cli.init.write_dataset import write_dataset
from mtl_cli.runs.table_writer import opened_target

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
    request = ColumnRequest({"city": "city"}, {"city": pa.string()})
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


def large_words_of_a_dictionary() -> pa.Array:
    words = words_of_a_dictionary()
    large = words.dictionary.cast(pa.large_string())
    return pa.DictionaryArray.from_arrays(words.indices, large)


def fixed_lists_of_words_of_a_dictionary() -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(words_of_a_dictionary(), 1)


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


def dictionary_of_lists() -> pa.Array:
    indices = pa.array([0] * ROWS, pa.int32())
    return pa.DictionaryArray.from_arrays(indices, pa.array([[0] * 20_000]))


def dictionary_of_fixed_texts() -> pa.Array:
    indices = pa.array([0] * ROWS, pa.int32())
    text = pa.array([b"x" * 20_000], pa.binary(20_000))
    return pa.DictionaryArray.from_arrays(indices, text)


def lists_of_single_bits() -> pa.Array:
    return pa.array([[True] * 1000] * ROWS)


@pytest.mark.parametrize(
    "column",
    [
        words_of_a_dictionary,
        dictionary_of_lists,
        dictionary_of_fixed_texts,
        lists_of_single_bits,
        large_words_of_a_dictionary,
        fixed_lists_of_words_of_a_dictionary,
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
    for read_table in (read, lambda path: read_preview("TABLE", str(path))):
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


def test_feather_batch_of_short_cells_that_expands_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(feather_file, "MAX_BATCH_BYTES", 1 << 20)
    zeros = pa.array(np.zeros(1 << 18))  # 2 MiB
    assert read(feather(tmp_path, zeros, None)).num_rows == len(zeros)
    with pytest.raises(DataError, match="a batch of 262,144 rows expands to 2,097,152"):
        read(feather(tmp_path, zeros))


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


@pytest.mark.slow
def test_compressed_texts_that_expand_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"city\n" + f"{WORD}\n".encode() * ROWS))
    num_bytes = ROWS * len(WORD)
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", num_bytes // 2)
    with pytest.raises(DataError, match=r"its text expands to [\d,]+ bytes in"):
        read(path)
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 2 * num_bytes)
    assert len(read(path)) == ROWS


@pytest.mark.slow
def test_command_ends_while_arrow_still_reads_a_broken_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"city,buy\n" + bytes(200 << 20), 1))
    command = [sys.executable, "-m", "mtl_cli.cli.init", str(path), "--task", "buy"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert "row 1 is too long" in ended.stderr


@pytest.mark.parametrize(
    "content",
    [
        lzma.compress(b"city,buy\n1,2\n"),
        bz2.compress(b"city,buy\n1,2\n"),
        b"7z\xbc\xaf\x27\x1c\0\4",
    ],
)
def test_compression_that_is_not_read_is_refused(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is not text in UTF-8; .* unpack it"):
        read(path)


@pytest.mark.parametrize("index", [-7, 1_000_000])
def test_feather_file_that_names_no_word_is_refused(index: int, tmp_path: Path) -> None:
    indices = pa.array([index] * ROWS, pa.int32())
    words = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"]), safe=False)
    path = feather(tmp_path, words)
    for read_table in (read, lambda path: read_preview("TABLE", str(path))):
        with pytest.raises(DataError, match=r"(cannot read|damaged) .*out of bounds"):
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


def test_wrong_lengths_of_descriptions_are_refused() -> None:
    blocks = [Block(offset=0, description_bytes=496)]
    check_blocks(blocks * 2, 1000)
    for wrong in (blocks * 3, [*blocks, Block(0, -8)]):
        with pytest.raises(ValueError, match="do not fit the file"):
            check_blocks(wrong, 1000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "problem"),
    [("items", "Array length is negative"), ("rows", "it has -321 rows")],
)
def test_negative_lengths_in_a_feather_file_are_refused(
    place: str, problem: str, tmp_path: Path
) -> None:
    rows = 321  # this number occurs in the file as a length alone
    lists = pa.array([[i] for i in range(rows)])
    path = feather(tmp_path, lists, compression=None)
    content, length = path.read_bytes(), struct.pack("<q", rows)
    assert content.count(length) == 4  # of the batch, the lists, the items, one item
    parts = content.split(length)
    negative = struct.pack("<q", -rows)
    separators = [length] * 4
    separators[{"rows": 0, "items": 2}[place]] = negative
    changed = parts[0] + b"".join(
        x + y for x, y in zip(separators, parts[1:], strict=True)
    )
    path.write_bytes(changed)
    command = [sys.executable, "-m", "mtl_cli.cli.init", str(path), "--task", "city"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert problem in ended.stderr


def test_negative_length_of_a_buffer_does_not_hide_an_expansion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow does not read the first buffer, because no cell is empty."""
    path = feather(tmp_path, pa.array(["x" * 20_000] * 1000))
    content = bytearray(path.read_bytes())
    with pa.OSFile(str(path)) as stream:
        (block,) = read_blocks(read_footer(stream, stream.size()), FOOTER_BATCHES)
        description = read_description(stream, block)
    buffers = description.Vector(description.Offset(BATCH_BUFFERS))
    struct.pack_into("<q", content, block.offset + buffers + 8, -(10**12))
    path.write_bytes(content)
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 1 << 20)
    with pytest.raises(DataError, match="a part of it has -1000000000000 bytes"):
        read(path)


def test_long_name_of_a_column_is_no_key_of_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(f"{'x' * 2000},buy\n1,0\n2,1\n")
    with pytest.raises(DataError, match="a name is too long for YAML"):
        write_dataset(parse(["table.csv", "--task", "buy"]))


def test_text_that_would_overflow_the_stack_marks_no_missing_value() -> None:
    with pytest.raises(ValidationError, match="at most 1000 characters"):
        Csv(null_values=["x" * 1_000_000])


def test_name_in_a_header_may_hold_a_line_break(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('"ci\nty",buy\n1,0\n2,1\n')
    table = read_preview("TABLE", str(path)).table
    assert table.to_pydict() == {"ci\nty": ["1", "2"], "buy": ["0", "1"]}


def test_name_of_a_table_that_is_a_reference_is_not_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("${oc.env:HOME}.csv").write_text("click,x\n" + "0,1\n1,2\n" * 20)
    arguments = ["${oc.env:HOME}.csv", "--name", "shop", "--task", "click"]
    with pytest.raises(DataError, match=r"cannot hold '\$\{oc.env:HOME\}.csv'"):
        write_dataset(parse(arguments))
    assert not Path("conf").exists()


def parquet_of_texts(path: Path, texts: pa.Array, **options: Any) -> None:
    options = {"compression": "zstd", "store_schema": False} | options
    pyarrow.parquet.write_table(pa.table({"c": texts}), path, **options)


def read_parquet(path: Path) -> int:
    with pa.OSFile(str(path)) as stream, open_parquet(stream) as file:
        return sum(batch.num_rows for batch in file.batches(["c"], 500_000))


LONG_TEXT, ROWS = "x" * (1 << 20), 2000


def test_long_text_in_every_list_is_refused(tmp_path: Path) -> None:
    codes = pa.array([0] + [1] * (ROWS - 1), pa.int32())
    items = pa.DictionaryArray.from_arrays(codes, pa.array(["a", LONG_TEXT]))
    offsets = pa.array(range(ROWS + 1), pa.int32())
    parquet_of_texts(tmp_path / "a", pa.ListArray.from_arrays(offsets, items))
    before = pa.total_allocated_bytes()
    with pytest.raises(UnsafeFileError, match=r"'c' expands to 2,096,103,425 bytes"):
        read_parquet(tmp_path / "a")
    assert pa.total_allocated_bytes() - before < 1 << 26


@pytest.mark.parametrize("first", [[], None])
def test_long_text_after_an_empty_list_is_refused(
    first: list[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = pa.array([first] * 1500 + [["x" * 4096]] * ROWS)
    parquet_of_texts(tmp_path / "a", lists)
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 1 << 20)
    with pytest.raises(UnsafeFileError, match="column 'c' expands to 8,192,000 bytes"):
        read_parquet(tmp_path / "a")


NESTED_TYPES = {
    "struct": (lambda text: {"f": text}, pa.struct({"f": pa.string()})),
    "fields": (
        lambda text: {"n": 1, "f": text},
        pa.struct({"n": pa.int64(), "f": pa.string()}),
    ),
    "fixed list": (lambda text: [text], pa.list_(pa.string(), 1)),
    "list of structs": (
        lambda text: [{"f": text}],
        pa.list_(pa.struct({"f": pa.string()})),
    ),
    "struct of lists": (
        lambda text: {"f": [text]},
        pa.struct({"f": pa.list_(pa.string())}),
    ),
    "map": (lambda text: [("k", text)], pa.map_(pa.string(), pa.string())),
}


@pytest.mark.parametrize("name", NESTED_TYPES)
def test_long_text_in_nested_cells_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, dtype = NESTED_TYPES[name]
    # The first text is short: the first row does not give the others away.
    texts = ["a"] + ["x" * 4096] * (ROWS - 1)
    parquet_of_texts(tmp_path / "a", pa.array(map(cell, texts), dtype))
    assert read_parquet(tmp_path / "a") == ROWS
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 1 << 20)
    monkeypatch.setattr(parquet_file, "MAX_CELL_BYTES", 1000)
    with pytest.raises(UnsafeFileError, match="column 'c' expands to 8,187,905 "):
        read_parquet(tmp_path / "a")


@pytest.mark.parametrize("kind", ["json", "large_string", "fixed"])
def test_long_text_of_any_type_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 1 << 16)
    text = f'"{"x" * 4094}"'
    texts = pa.array([text] * ROWS, pa.large_string())
    if kind == "json":
        texts = pa.ExtensionArray.from_storage(pa.json_(), texts.cast(pa.string()))
    elif kind == "fixed":
        texts = texts.cast(pa.binary()).cast(pa.binary(4096))
    parquet_of_texts(tmp_path / "a", texts, store_schema=True)
    with pytest.raises(UnsafeFileError, match="'c' expands to 8,192,000 bytes"):
        read_parquet(tmp_path / "a")


@pytest.mark.parametrize("compression", ["zstd", "gzip", "brotli", "lz4"])
def test_texts_that_are_only_compressed_are_refused(
    compression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first text is short: the first row does not give the others away.
    texts = pa.array(["a"] + ["x" * 4096] * (ROWS - 1))
    options = {"compression": compression, "use_dictionary": False}
    parquet_of_texts(tmp_path / "a", texts, **options)
    assert read_parquet(tmp_path / "a") == ROWS
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 1 << 16)
    with pytest.raises(UnsafeFileError, match="'c' expands to 8,19"):
        read_parquet(tmp_path / "a")


def test_row_groups_that_name_the_same_pages_are_refused(tmp_path: Path) -> None:
    texts = pa.array([f"text {i}" for i in range(500)])
    parquet_of_texts(tmp_path / "a", texts, compression="zstd", use_dictionary=False)
    path = tmp_path / "a"
    metadata = pyarrow.parquet.read_metadata(path)
    copies = pyarrow.parquet.read_metadata(path)
    for _ in range(3):
        copies.append_row_groups(metadata)
    content = path.read_bytes()
    (length,) = struct.unpack("<I", content[-8:-4])
    sink = pa.BufferOutputStream()
    copies.write_metadata_file(sink)
    path.write_bytes(content[: -8 - length] + sink.getvalue().to_pybytes()[4:])
    assert pyarrow.parquet.read_metadata(path).num_row_groups == 4
    with pytest.raises(
        UnsafeFileError, match=r"but its description gives the column 'c' [\d,]+ bytes"
    ):
        read_parquet(path)


@pytest.mark.parametrize("use_dictionary", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_sizes_in_the_headers_of_pages_are_read(
    use_dictionary: bool, version: str, tmp_path: Path
) -> None:
    # Long texts make long headers, which hold the least and the greatest text.
    texts = pa.array([f"{i:07}" * 500 for i in range(300)] + [None] * 20)
    options = {"use_dictionary": use_dictionary, "data_page_version": version}
    options |= {"data_page_size": 4096, "write_batch_size": 10}
    parquet_of_texts(tmp_path / "a", texts, write_page_checksum=True, **options)
    with pa.OSFile(str(tmp_path / "a")) as stream:
        chunk = pyarrow.parquet.read_metadata(stream).row_group(0).column(0)
        total = page_bytes(stream, chunk)
    # Each text has a length of 4 bytes. The rest tells where texts are missing.
    assert 0 < total - 300 * (4 + 3500) < 2000
    assert read_parquet(tmp_path / "a") == 320


def test_row_group_without_rows_has_no_pages(tmp_path: Path) -> None:
    parquet_of_texts(tmp_path / "a", pa.array([], pa.string()))
    assert pyarrow.parquet.read_metadata(tmp_path / "a").num_row_groups == 1
    assert read_parquet(tmp_path / "a") == 0


def test_column_of_endless_pages_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"data_page_size": 1, "write_batch_size": 1, "use_dictionary": False}
    texts = pa.array([f"text {i}" for i in range(50)])
    parquet_of_texts(tmp_path / "a", texts, compression="zstd", **options)
    assert read_parquet(tmp_path / "a") == 50
    monkeypatch.setattr(parquet_pages, "MAX_PAGES", 49)
    with pytest.raises(UnsafeFileError, match="'c' with more than 49 pages"):
        read_parquet(tmp_path / "a")


@pytest.mark.parametrize(
    ("dictionary", "new_encoding"),
    [
        (True, b"\x15\x00"),  # a plain page before the pages that use a dictionary
        (False, b"\x15\x0e"),  # texts that repeat the beginning of the text before
    ],
)
def test_page_that_hides_long_texts_is_refused(
    dictionary: bool, new_encoding: bytes, tmp_path: Path
) -> None:
    options = {"use_dictionary": dictionary, "data_page_size": 1, "write_batch_size": 9}
    texts = pa.array(["a", "b"] * 50)
    parquet_of_texts(tmp_path / "a", texts, compression="none", **options)
    content = bytearray((tmp_path / "a").read_bytes())
    with pa.OSFile(str(tmp_path / "a")) as stream:
        metadata = pyarrow.parquet.read_metadata(stream)
        start = metadata.row_group(0).column(0).data_page_offset
        assert page_bytes(stream, metadata.row_group(0).column(0)) > 0
    encoding = b"\x15\x10" if dictionary else b"\x15\x00"
    place = content.index(b"\x15\x12" + encoding, start) + 2  # after the number of rows
    content[place : place + 2] = new_encoding
    with pytest.raises(UnsafeFileError, match="column 'c' with an encoding that may"):
        page_bytes(pa.BufferReader(bytes(content)), metadata.row_group(0).column(0))


@pytest.mark.parametrize(
    "header", [b"\xff" * 99, b"\x15\x00\x00", b"\x1c" * 99, b"\x15\x00\x15\x01\x00"]
)
def test_damaged_header_of_a_page_is_refused(header: bytes) -> None:
    with pytest.raises(UnsafeFileError, match="a damaged page"):
        page_header(pa.BufferReader(header + bytes(99)), 0)


MONTHS = pa.array([(1, 2, 3)], pa.month_day_nano_interval())
RUN_ENDS = pa.RunEndEncodedArray.from_arrays(pa.array([9], pa.int32()), pa.array(["x"]))


@pytest.mark.parametrize(
    ("kept", "ending"),
    [
        ({"kept": RUN_ENDS}, ".csv"),
        ({"kept": [["a", "b"]], "user": [1]}, ".csv"),
        ({"list": [["a", "b"]], "kept": MONTHS}, ".parquet"),
    ],
)
def test_kept_column_that_the_format_cannot_hold_ends_in_one_line(
    kept: dict[str, Any], ending: str, tmp_path: Path
) -> None:
    with (
        pytest.raises(ConfigError) as raised,
        opened_target(str(tmp_path / f"a{ending}")) as writer,
    ):
        writer.write(pa.table(kept))
    assert str(raised.value).startswith(f"--keep: {ending} cannot hold kept: ")
    assert not list(tmp_path.iterdir())
