"""The values of lists, one list after another, with the rows that they come from."""

import pyarrow as pa
import pytest

from mtl_cli.columns.lists import flatten_lists


@pytest.mark.parametrize(
    ("cells", "separator"),
    [([["a", "b"], None, [], ["c"]], None), (["a|b", None, "", "c"], "|")],
)
def test_each_value_has_the_number_of_its_row(
    cells: list[object], separator: str | None
) -> None:
    values, rows = flatten_lists("x", pa.chunked_array([cells]), separator)
    pairs = zip(values.to_pylist(), rows.tolist(), strict=True)
    assert [pair for pair in pairs if pair[0]] == [("a", 0), ("b", 0), ("c", 3)]


@pytest.mark.parametrize("separator", [None, "|"])
def test_column_of_empty_cells_alone_has_no_values(separator: str | None) -> None:
    values, rows = flatten_lists("x", pa.chunked_array([pa.nulls(3)]), separator)
    assert values.to_pylist() == rows.tolist() == []


def test_values_underneath_a_null_list_belong_to_no_row() -> None:
    mask = pa.array([False, True, False])
    lists = pa.ListArray.from_arrays([0, 2, 4, 6], [1, 2, 9, 9, 3, 4], mask=mask)
    assert lists.to_pylist() == [[1, 2], None, [3, 4]]
    values, rows = flatten_lists("x", pa.chunked_array([lists]), None)
    assert values.to_pylist() == [1, 2, 3, 4]
    assert rows.tolist() == [0, 0, 2, 2]
