"""Parquet files that would fill the memory are refused; honest ones are read."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.data import table_limits
from mtl_cli.data.parquet_file import open_parquet

ROWS = 2000


def written(folder: Path, *tables: pa.Table) -> Path:
    """Writes a file with one row group per table."""
    path = folder / "rows.parquet"
    options = {"compression": "zstd", "store_schema": False}
    with pyarrow.parquet.ParquetWriter(path, tables[0].schema, **options) as writer:
        for table in tables:
            writer.write_table(table)
    return path


def read(path: Path, max_rows: int = 500_000) -> pa.Table:
    """Returns the rows of a file, with the values of dictionaries in place."""
    with pa.OSFile(str(path)) as stream, open_parquet(stream) as file:
        batches = list(file.batches(file.schema.names, max_rows))
    table = pa.Table.from_batches(batches)
    return table.cast(pyarrow.parquet.read_schema(path))


def repeated(text: str, rows: int = ROWS) -> pa.Table:
    """Returns rows that all hold a text, which is in memory once."""
    codes = pa.array(np.zeros(rows, "int32"))
    return pa.table({"text": pa.DictionaryArray.from_arrays(codes, pa.array([text]))})


def test_long_text_in_every_row_is_refused_before_it_fills_the_memory(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, repeated("x" * (1 << 20)))
    assert path.stat().st_size < 7000
    before = pa.total_allocated_bytes()
    with pytest.raises(UnsafeFileError, match=r"'text' expands to 2,097,152,000 bytes"):
        read(path)
    assert pa.total_allocated_bytes() - before < 1 << 26


# Its checks were left out beside a column `a`, and else ended in a KeyError.
@pytest.mark.parametrize("other", ["a", "other"])
def test_text_column_with_a_dot_in_its_name_is_read_within_the_limits(
    other: str, tmp_path: Path
) -> None:
    for text in ("x" * 300, "x" * (1 << 20)):
        texts = repeated(text)["text"].combine_chunks()
        table = pa.table({"a.b": texts, other: np.zeros(ROWS)})
        path = written(tmp_path, table)
        if len(text) == 300:
            assert read(path)["a.b"].to_pylist() == [text] * ROWS
        else:
            with pytest.raises(
                UnsafeFileError, match=r"column 'a\.b' expands to 2,097"
            ):
                read(path)


def test_text_column_after_an_extension_of_several_columns_is_read_within_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 1 << 20)
    storage = pa.array([{"a": 0, "b": 0}] * ROWS)
    extension = pa.ExtensionArray.from_storage(
        pa.opaque(storage.type, "kind", "vendor"), storage
    )
    path = tmp_path / "rows.parquet"
    for text in ("x" * 300, "x" * (1 << 14)):
        table = pa.table({"other": extension, "text": [text] * ROWS})
        pyarrow.parquet.write_table(table, path, compression="zstd")
        with pa.OSFile(str(path)) as stream, open_parquet(stream) as file:
            batches = file.batches(["text"], 500_000)
            if len(text) == 300:
                assert next(batches).num_rows == ROWS
            else:
                with pytest.raises(UnsafeFileError, match="column 'text' expands to"):
                    next(batches)


def test_long_text_of_a_later_row_group_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, repeated("short"), repeated("x" * (1 << 20)))
    with pytest.raises(UnsafeFileError, match="column 'text' expands to"):
        read(path, ROWS)


def test_endless_lists_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = pa.array([[0] * 1_000_000], pa.list_(pa.int8()))
    path = written(tmp_path, pa.table({"items": items}))
    assert read(path).num_rows == 1  # a megabyte does no harm
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 1 << 18)
    with pytest.raises(UnsafeFileError, match=r"column 'items.list.element' expands"):
        read(path)


def test_honest_tables_that_compress_well_are_read(tmp_path: Path) -> None:
    rows = 3_000_000
    constant = pa.table({"city": pa.repeat("Springfield", rows), "n": np.zeros(rows)})
    path = written(tmp_path, constant)
    assert constant.nbytes > 300 * path.stat().st_size
    assert read(path).equals(constant.combine_chunks())


def test_honest_long_texts_are_read(tmp_path: Path) -> None:
    texts = [f"{i} {'word ' * 100}" for i in range(ROWS)] * 2 + [None, ""]
    table = pa.table({"text": texts, "n": np.arange(len(texts))})
    assert read(written(tmp_path, table, table), 1500).equals(
        pa.concat_tables([table, table])
    )


@pytest.mark.parametrize("stores_dictionaries", [False, True])
def test_honest_lists_of_several_row_groups_with_a_long_text_are_read(
    stores_dictionaries: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_limits, "MAX_EXPANDED_BYTES", 1 << 20)
    words = [["x" * 3000], None, *([f"tag{i % 9}", "a"] for i in range(ROWS))]
    words_type = pa.string()
    if stores_dictionaries:
        words_type = pa.dictionary(pa.int32(), words_type)
    table = pa.table({"tags": pa.array(words, pa.list_(words_type))})
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(table, path, row_group_size=ROWS // 2)
    assert path.stat().st_size < 10_000  # limits by the size of the file are low
    assert read(path)["tags"].to_pylist() == words
