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
