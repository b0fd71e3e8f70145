"""Hashes of rows: equal rows have equal hashes, and other rows have others."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_cli.data import profile
from mtl_cli.data.profile import row_hashes

LISTS = [[1, 2], [2, 1], [1], [1, 1], [1, 2, 0], [1, 2, None], None, [1] * 4]
CELLS: dict[str, pa.Array] = {
    "lists of numbers": pa.array(LISTS, pa.list_(pa.float32())),
    "lists of text": pa.array([["a", "b"], ["b", "a"], ["ab"], [], ["a", "b", "b"]]),
    "vectors": pa.array([[0.1, 0.2], [0.2, 0.1], None], pa.list_(pa.float32(), 2)),
    "lists of lists": pa.array([[[1, 2], [3]], [[1], [2, 3]], [], None, [[]]]),
    "numbers": pa.array([0.0, 1.0, None]),
    "structs": pa.array([{"a": 1}, {"a": 2}, None]),
}


def hashes(*columns: Any) -> list[int]:
    return row_hashes(pa.table(list(columns), [*"xyz"[: len(columns)]])).tolist()


@pytest.mark.parametrize("name", CELLS)
def test_rows_have_equal_hashes_if_their_cells_are_equal(name: str) -> None:
    cells = CELLS[name]
    found = hashes(cells)
    twice = hashes(pa.concat_arrays([cells, cells]))
    assert twice == found * 2
    # An empty list counts as an empty cell, as in a text file.
    distinct = {str(None if cell == [] else cell) for cell in cells.to_pylist()}
    assert len(set(found)) == len(distinct)


def test_hash_of_a_row_depends_on_the_columns_order() -> None:
    x, y = pa.array([[1.0], [2.0]]), pa.array([[2.0], [1.0]])
    assert hashes(x, y) != hashes(y, x)


def test_lists_underneath_a_slice_do_not_count() -> None:
    lists = pa.array([[1.5], [2.5, 3.5], None, [4.5]])
    assert hashes(lists.slice(1, 2)) == hashes(lists)[1:3]


def test_hashes_do_not_depend_on_the_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = pa.array([[1.5, 2.5], [], None, [2.5, 1.5]])
    table = pa.table({"x": lists, "y": ["a", None, "b", "a"], "z": [0, None, 1, 0]})
    whole = row_hashes(table)
    monkeypatch.setattr(profile, "HASHED_BYTES", 1)
    np.testing.assert_array_equal(row_hashes(table), whole)
